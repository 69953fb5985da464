"""A proposal as one comment for a forge, in Markdown.

What a branch says is shown only where a forge reads nothing into it: in code spans, in code blocks whose fence is longer than any
within, and escaped in the few elements of HTML. So no name, image or message is a link, an image, a mention, a reference to an
issue or an end of what it stands in; and every line begins with a word of ours, so that none is a command to a robot. A comment
has a limit: what does not fit is left out by whole stacks, and counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from orchestrator.cli.render import proposed, safe

MOST = 65_536  # characters of a comment at GitHub; other forges take more
_LONGEST_NAME, _LONGEST_TEXT = 300, 1_000
_MARKS = {"create": "+", "start": "+", "remove": "-", "stop": "-"}  # others: "!"

Document = dict[str, Any]


def text(proposal: Document) -> str:
    """The comment, of at most ``MOST`` characters."""
    stacks = proposed.ordered(proposal["stacks"])
    sections = [(_section(stack), 1) for stack in stacks if stack["state"] != "unchanged"]
    unchanged = [stack["name"] for stack in stacks if stack["state"] == "unchanged"]
    if unchanged:
        sections.append((f"Unchanged: {', '.join(map(code, unchanged))}\n", len(unchanged)))
    shown = _head(proposal)
    room = MOST - len(_left_out(len(stacks)))
    left_out = 0
    for section, count in sections:
        if len(shown) + len(section) + 1 <= room:
            shown += f"\n{section}"
        else:
            left_out += count
    return shown + (_left_out(left_out) if left_out else "")


def _head(proposal: Document) -> str:
    """Begins with a remark by which a robot finds the comment that it wrote before."""
    name = proposal["source"] or proposal["repository"]
    mark = re.sub(r"[^A-Za-z0-9._]+", "-", name)[:_LONGEST_NAME]
    commit = f" ({code(proposal['commit'][:12])})" if proposal["commit"] not in ("", proposal["ref"]) else ""
    lines = [
        f"<!-- stack-plan: {mark} -->",
        f"### Plan of {code(name)} at {code(proposal['ref'])}{commit}",
        "",
        f"**{proposed.counted(proposal)}**",
    ]
    if proposal["problems"]:
        lines += ["", *_block("text", _problems(proposal["problems"]))]
    return "".join(line + "\n" for line in lines)


def _section(stack: Document) -> str:
    """One stack, folded unless something is wrong with it."""
    plan = stack["plan"]
    what = proposed.summary(plan) if plan is not None and stack["state"] in ("new", "changed") else ""
    state = f"{proposed.WORDS[stack['state']][0]}{f': {what}' if what else ''}"
    opened = " open" if stack["problems"] or stack["state"] in ("claimed", "impossible") else ""
    lines = [f"<details{opened}><summary><code>{_element(stack['name'])}</code> {state}</summary>", ""]
    said = [f"folder: {stack['folder']}", *([f"reason: {stack['reason']}"] if stack["reason"] else [])]
    lines += _block("text", [*said, *_problems(stack["problems"])])
    if plan is not None and (plan["steps"] or plan["notes"]):
        lines += ["", *_block("diff", _changes(plan))]
    return "".join(line + "\n" for line in [*lines, "", "</details>"])


def _problems(problems: Iterable[Document]) -> Iterator[str]:
    for told in problems:
        yield f"error: {told['reference']}"
        for word, said in (("at", proposed.place(told["where"])), ("why", told["message"]), ("hint", told["hint"])):
            if said:
                yield f"  {word}: {_cut(said, _LONGEST_TEXT)}"


def _changes(plan: Document) -> Iterator[str]:
    for decision in proposed.decisions(plan):
        yield f"{_MARKS.get(decision.verb, '!') if decision.verb else ' '} {decision.heading}"
        yield from (f"    * {difference}" for difference in decision.differences)
    yield from (f"# {line}" for _, line in proposed.notes(plan))


def _block(language: str, lines: Iterable[str]) -> list[str]:
    """A code block that nothing in it ends."""
    shown = [_plain(line) for line in lines]
    fence = "`" * max(3, 1 + max((len(run) for line in shown for run in re.findall("`+", line)), default=0))
    return [f"{fence}{language}", *shown, fence]


def _plain(line: str) -> str:
    """One line that begins as it is meant to, with every character visible that a page would not show."""
    depth = len(line) - len(line.lstrip(" "))
    shown = safe.one_line(line.lstrip(" ")).rstrip()
    return " " * depth + "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in shown)


def code(said: str) -> str:
    """A code span of one line."""
    shown = _cut(said, _LONGEST_NAME).strip() or "(none)"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    pad = " " if "`" in (shown[0], shown[-1]) else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _element(said: str) -> str:
    """What stands in an element of HTML."""
    return escape(_cut(said, _LONGEST_NAME).strip())


def _cut(said: str, most: int) -> str:
    line = _plain(said)
    return line if len(line) <= most else f"{line[: most - 3]}..."


def _left_out(count: int) -> str:
    stacks = f"{count} more stack{' is' if count == 1 else 's are'}"
    return f"\n**{stacks} left out: a comment has at most {MOST:,} characters.** `stack plan` shows everything.\n"
