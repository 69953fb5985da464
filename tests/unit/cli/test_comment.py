"""A proposal as a comment: what a stranger wrote stays what it is, whatever it says, and the forge's limit holds."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.cli.render import comment, proposed
from orchestrator.cli.render.frame import Style

Document = dict[str, Any]

HOSTILE = [
    "@everyone",
    "</code></summary></details><img src=x onerror=alert(1)>",
    "```\n# heading\n@someone",
    "````` ` `` ` @someone",
    "[a](https://example.org) ![b](https://example.org/x.png)",
    "https://example.org/ #1 GH-1 owner/repo#1",
    "-->\n<script>",
    "\n\n/lgtm\n/close\n",
    "|a|b|\n|-|-|",
    "\u202emoc.elpmaxe \u200b\r\n\x1b[31m",
    "&lt;b&gt; &#64;someone",
    "\\`@someone\\`",
    "`",
    "",
    " ",
]


def plan(text: str) -> Document:
    difference = {"path": text, "before": text, "after": text, "in_place": False}
    step = {
        "id": 1,
        "action": "create-network",
        "mutates": True,
        "object": {"kind": "network", "name": text},
        "arguments": {},
        "text": f"create network {text}",
        "reason": text,
        "group": text,
        "after": [],
        "differences": [difference],
    }
    note = {"level": "warning", "text": text, "reference": "", "where": place(text)}
    return {
        "stack": text,
        "changes": True,
        "incomplete": False,
        "summary": {"create": 1},
        "steps": [step],
        "notes": [note],
    }


def place(text: str) -> Document:
    return {"file": text, "line": 1, "column": 2, "path": text}


def problem(text: str) -> Document:
    return {"reference": "invalid-value", "message": text, "hint": text, "where": place(text)}


def stack(text: str, state: str = "changed", *, name: str = "") -> Document:
    told = {"name": name or text, "folder": text, "state": state, "reason": text, "problems": [problem(text)]}
    return told | {"plan": plan(text) if state not in ("invalid", "unchanged") else None}


def proposal(*stacks: Document, text: str = "main", problems: list[Document] | None = None) -> Document:
    states = [one["state"] for one in stacks]
    return {
        "source": text,
        "repository": text,
        "ref": text,
        "commit": "1" * 40,
        "changes": True,
        "ok": False,
        "summary": {state: states.count(state) for state in dict.fromkeys(states)},
        "problems": problems or [],
        "stacks": list(stacks),
    }


def outside(markdown: str) -> str:
    """What a forge reads something into: all but code blocks, code spans and the contents of <code>, as CommonMark has them."""
    lines, fence = [], ""
    for line in markdown.split("\n"):
        ends = re.fullmatch(r" {0,3}(`{3,})([^`]*)", line)
        if fence:
            if ends and len(ends[1]) >= len(fence) and not ends[2].strip():
                fence = ""
        elif ends:
            fence = ends[1]
        else:
            lines.append(line)
    assert not fence, "a code block has no end"
    return "\n".join(_without_spans(re.sub(r"<code>[^<]*</code>", "<code></code>", line)) for line in lines)


def _without_spans(line: str) -> str:
    shown, position = "", 0
    while position < len(line):
        run = re.compile("`+").match(line, position)
        if run is None:
            shown, position = shown + line[position], position + 1
            continue
        end = re.compile(rf"(?<!`)`{{{len(run[0])}}}(?!`)").search(line, run.end())
        shown, position = (shown + "CODE", end.end()) if end else (shown + run[0], run.end())
    return shown


WORDS = re.compile(
    r"""<!--\ stack-plan:\ [A-Za-z0-9._-]*\ -->
      | \#\#\#\ Plan\ of\ CODE\ at\ CODE(\ \(CODE\))?
      | \*\*[a-z0-9, ]+\*\*
      | <details(\ open)?><summary><code></code>\ [a-z0-9,: ]+</summary>
      | </details>
      | Unchanged:\ CODE(,\ CODE)*
      | \*\*\d+\ more\ stacks?\ (is|are)\ left\ out:\ a\ comment\ has\ at\ most\ 65,536\ characters\.\*\*\ CODE\ shows\ everything\.
      |""",
    re.VERBOSE,
)


def is_ours(markdown: str) -> None:
    for line in outside(markdown).split("\n"):
        assert WORDS.fullmatch(line), line
    for line in markdown.split("\n"):
        assert not re.match(r"\s*[/@]", line), line
        assert line.isprintable(), line
    assert len(markdown) <= comment.MOST


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_branch_says_is_only_ever_shown(text: str) -> None:
    stacks = [stack(text, state) for state in proposed.WORDS]

    is_ours(comment.text(proposal(*stacks, text=text, problems=[problem(text)])))


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.tuples(st.text(max_size=80), st.sampled_from(list(proposed.WORDS))), max_size=6), st.text(max_size=80)
)
def test_whatever_the_names_are_nothing_but_our_own_words_is_read(named: list[tuple[str, str]], ref: str) -> None:
    is_ours(comment.text(proposal(*(stack(text, state) for text, state in named), text=ref)))


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(st.lists(st.integers(1, 40_000), min_size=3, max_size=8))
def test_a_comment_is_never_too_long_and_counts_what_is_left_out(sizes: list[int]) -> None:
    stacks = [stack("x" * size, name=f"stack{number}") for number, size in enumerate(sizes)]
    made = comment.text(proposal(*stacks))

    is_ours(made)
    shown = made.count("<details")
    told = re.search(r"\*\*(\d+) more stack", made)
    assert len(sizes) == shown + (int(told[1]) if told else 0)


def test_a_thousand_stacks_that_do_not_change_are_counted_too() -> None:
    stacks = [stack("x", "unchanged", name=f"{'n' * 60}{number}") for number in range(1_100)]
    made = comment.text(proposal(*stacks))

    assert "1100 more stacks are left out" in made
    assert len(made) <= comment.MOST


def test_the_text_for_people_has_no_line_of_a_stranger() -> None:
    for text in HOSTILE:
        shown = proposed.text(proposal(stack(text), text=text, problems=[problem(text)]), Style(colour=False))
        assert not set(shown) & set("\x1b\r\u202e\u2028\x00"), shown
