"""From the text of a template to its pieces: text between actions, and the words of each action."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from orchestrator.errors import UsageError
from orchestrator.records import dataclass

_ESCAPE = r"\\(?:[abfnrtv\\\"']|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3})"
_WORDS = re.compile(
    rf"""(?P<space>\s+)
    |(?P<text>"(?:[^"\\\n]|{_ESCAPE})*")
    |(?P<raw>`[^`]*`)
    |(?P<rune>'(?:[^'\\\n]|{_ESCAPE})')
    |(?P<number>[+-]?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?))
    |(?P<field>\.\w+)
    |(?P<dot>\.)
    |(?P<variable>\$\w*)
    |(?P<word>[^\W\d]\w*)
    |(?P<sign>:=|[|(),=])
    """,
    re.VERBOSE,
)
_ACTION = re.compile(
    r'\{\{(?P<left>-\s)?(?P<inside>\s*/\*.*?\*/\s*?|(?:"(?:\\.|[^"\\])*"|`[^`]*`|(?!\}\}).)*?)(?P<right>\s-)?\}\}',
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Word:
    """``kind`` is the group above; ``apart``: there is space before it."""

    kind: str
    text: str
    apart: bool = False
    value: object = None


def split(template: str) -> Iterator[str | list[Word]]:
    """Texts and actions in turn; spaces that actions eat are gone, and so are comments."""
    position, trim = 0, False
    for found in _ACTION.finditer(template):
        before = template[position : found.start()]
        yield _trimmed(before, trim, bool(found["left"]))
        inside = found["inside"]
        if not inside.strip().startswith("/*"):
            yield list(_words(inside))
        position, trim = found.end(), bool(found["right"])
    rest = template[position:]
    if "{{" in rest:
        raise problem("an action is not closed: there is no }} behind " + rest[rest.index("{{") :][:30])
    yield _trimmed(rest, trim, False)


def problem(text: str) -> UsageError:
    return UsageError(f"the template cannot be used: {text}", reference="bad-template")


def _trimmed(text: str, left: bool, right: bool) -> str:
    text = text.lstrip(" \t\r\n") if left else text
    return text.rstrip(" \t\r\n") if right else text


def _words(action: str) -> Iterator[Word]:
    position, apart = 0, True
    while position < len(action):
        found = _WORDS.match(action, position)
        if found is None:
            raise problem(f"unexpected {action[position : position + 10]!r} in {{{{{action}}}}}")
        kind = str(found.lastgroup)
        if kind != "space":
            yield Word(kind, found[0], apart, _value(kind, found[0]))
        apart, position = kind == "space", found.end()


def _value(kind: str, text: str) -> object:
    match kind:
        case "text":
            return ast.literal_eval(text)
        case "raw":
            return text[1:-1]
        case "rune":
            return ord(ast.literal_eval(text))
        case "number":
            whole = re.fullmatch(r"[+-]?(?:0[xX][0-9a-fA-F]+|\d+)", text)
            return int(text, 16 if "x" in text.lower() else 10) if whole else float(text)
        case _:
            return None
