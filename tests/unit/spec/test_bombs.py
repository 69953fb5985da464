"""A few bytes that stand for much: refused by name before anything is built, and never a signal.

libyaml's own loader dies on some of these (SIGSEGV), so a regression here ends the whole test run.
"""

from __future__ import annotations

import pytest

from orchestrator.errors import LimitExceeded, SpecError, SyntaxProblem
from orchestrator.spec import volumes
from orchestrator.spec.limits import Limits
from orchestrator.spec.parse import parse

DEPTHS = (65, 500, 25_000, 50_000, 200_000)


def _laughs(levels: int, width: int, open_: str, close: str, item: str) -> str:
    lines = [f"a0: &a0 {open_}{item}{close}"]
    for level in range(1, levels):
        aliases = ",".join([f"*a{level - 1}"] * width) if open_ == "[" else f"k: *a{level - 1}, l: *a{level - 1}"
        lines.append(f"a{level}: &a{level} {open_}{aliases}{close}")
    return "\n".join(lines)


def _merges(levels: int) -> str:
    lines = ["a0: &a0 {k: v}"]
    lines += [f"a{level}: &a{level} {{<<: [{','.join([f'*a{level - 1}'] * 9)}]}}" for level in range(1, levels)]
    return "\n".join(lines)


DEEP = {
    f"{name}-{depth}": text
    for depth in DEPTHS
    for name, text in {
        "flow-lists": "a: " + "[" * depth + "]" * depth,
        "flow-lists-open": "a: " + "[" * depth,
        "flow-maps": "a: " + "{a: " * depth + "1" + "}" * depth,
        "flow-maps-open": "{a: " * depth,
        "json": '{"a":' * depth + "1" + "}" * depth,
        "block-lists": "- " * depth + "a",
        "mixed": "[{a: " * depth,
    }.items()
}
WIDE = {
    "laughs": _laughs(10, 9, "[", "]", "x"),
    "laughs-in-maps": _laughs(25, 2, "{", "}", "k: v"),
    "merges-8": _merges(8),
    "merges-20": _merges(20),
    "merge-of-laughs": _laughs(8, 9, "[", "]", "x") + "\nb: &b {<<: {c: *a7}}",
    "depth-by-alias": "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 100))]),
    "many-documents": "x: 1\n---\n" * 130_000,
    "many-scalars": "a: [" + "1," * 60_000 + "]",
}
BROKEN = {
    "self-reference": "a: &a [*a]",
    "self-reference-in-map": "a: &a {b: *a}",
    "self-merge": "a: &a {<<: *a}",
    "forward-alias": "a: *b\nb: &b 1",
    "nul": "a: \0",
    "escape": "a: \x1b[0m",
    "lone-surrogate": b"a: \xed\xa0\x80",
    "not-utf8": b"a: \xff",
    "half-utf16": b"\xff\xfea",
    "tab": "a:\n\tb: 1",
    "directive": "%YAML 9.9\n---\na: 1",
    "unknown-directive": "%TAG ! \n---\na: 1",
    "two-roots": "a: 1\n- b",
}


@pytest.mark.parametrize("name", [*DEEP, *WIDE])
def test_refused_by_the_name_of_a_limit(name: str) -> None:
    with pytest.raises(LimitExceeded) as caught:
        parse((DEEP | WIDE)[name].encode(), "bomb.yml", Limits(nodes=50_000))

    assert "bomb.yml" in str(caught.value)
    assert "STACK_LIMIT_" in str(caught.value)


@pytest.mark.parametrize("name", BROKEN)
def test_refused_with_a_place(name: str) -> None:
    text = BROKEN[name]
    with pytest.raises(SyntaxProblem) as caught:
        parse(text if isinstance(text, bytes) else text.encode(), "broken.yml")

    assert caught.value.where is not None
    assert caught.value.where.line > 0


@pytest.mark.parametrize("text", ["a: " + "9" * 5_000, "a: 1e999999999", "a: 0x" + "f" * 5_000, "a: -" + "1" * 4_400])
def test_enormous_numbers_are_text(text: str) -> None:
    """As in Compose: what no number can hold is a text, and the schema refuses it where a number belongs."""
    (document,) = parse(text.encode(), "numbers.yml")

    assert text[3:] == document.root["a"]


def test_a_large_legitimate_file_is_accepted() -> None:
    """400 services of 122 variables each: Compose's own example of large but fine."""
    services = "\n".join(
        f"  s{n}:\n    image: x\n    environment:\n" + "\n".join(f"      V{v}: value" for v in range(122))
        for n in range(400)
    )

    (document,) = parse(f"services:\n{services}".encode(), "large.yml")

    assert 400 == len(document.root["services"])


def test_a_mount_of_millions_of_characters_takes_no_hours() -> None:
    """Nothing here takes time that grows faster than the text: with the square of it, this test would not end."""
    mount = volumes.parse(f"c:/{'k' * 3_000_000}:/x:ro")

    assert ("/x", True, 3_000_003) == (mount["target"], mount["read_only"], len(mount["source"]))


def test_every_bomb_is_an_error_of_the_spec() -> None:
    assert issubclass(LimitExceeded, SpecError)
    assert issubclass(SyntaxProblem, SpecError)
