"""Plain values as block YAML that every reader, of YAML 1.1 or 1.2, reads back as the same values.

Keys are sorted unless their order is to be kept. Text is quoted only where a reader could take it for something else,
and in the way of Go's printer of YAML, which people know from Compose and kubectl; text of several lines stands as a
block where it can. No library: the shapes are few, and this is many times faster on large models.
"""

from __future__ import annotations

import re
from typing import Any

from orchestrator.spec import gotext
from orchestrator.spec.scalars import Timestamp

_PLAIN = re.compile(r"[A-Za-z_/](?:[A-Za-z0-9_./@+,=()\-]|:(?=[A-Za-z0-9_./])| (?=[A-Za-z0-9_./(]))*\Z")
# Beyond 1,024 characters a reader no longer takes text before a colon for a key, unless a question mark says so.
_LONGEST_KEY = 1_000
_WORDS = frozenset(["y", "yes", "n", "no", "on", "off", "true", "false", "null"])
# What reads as a number, a date, a time of day or nothing to a reader of either version.
_OTHER = re.compile(
    r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?\Z|[-+]?(?:\.[0-9][0-9_]*|[0-9][0-9_]*(?:\.[0-9_]*)?)(?:[eE][-+]?[0-9]+)?\Z"
    r"|[-+]?0[bBoOxX][0-9a-fA-F_]*\Z|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?\Z|[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z"
    r"|~\Z|=\Z|<<\Z"
)
_SPECIAL_START = re.compile(r"[#,\[\]{}&*!|>'\"%@`]|[?:-](?:\s|\Z)|---|\.\.\.")
_SPECIAL_INSIDE = re.compile(r":(?:\s|\Z)|\s#")


def dump(value: Any, *, keep_order: bool = False) -> str:
    """``value`` as a YAML document."""
    lines: list[str] = []
    arranged = value if keep_order else _sorted(value)
    if isinstance(value, dict) and value:
        _mapping(arranged, "", lines)
    elif isinstance(value, list) and value:
        _sequence(arranged, "", lines)
    else:
        lines.append(scalar(value))
    lines.append("")
    return "\n".join(lines)


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def _mapping(value: dict[str, Any], indent: str, lines: list[str], first: str | None = None) -> None:
    start = indent if first is None else first
    for key, item in value.items():
        name = _text(key)
        if len(name) > _LONGEST_KEY:
            lines.append(f"{start}? {name}")
            _member(f"{indent}:", item, indent, lines)
        else:
            _member(f"{start}{name}:", item, indent, lines)
        start = indent


def _member(head: str, item: Any, indent: str, lines: list[str]) -> None:
    if isinstance(item, dict) and item:
        lines.append(head)
        _mapping(item, indent + "  ", lines)
    elif isinstance(item, list) and item:
        lines.append(head)
        _sequence(item, indent + "  ", lines)
    elif type(item) is str and "\n" in item and _fits_block(item):
        _block(head, item, indent + "  ", lines)
    else:
        lines.append(f"{head} {scalar(item)}")


def _sequence(value: list[Any], indent: str, lines: list[str]) -> None:
    for item in value:
        if isinstance(item, dict) and item:
            _mapping(item, indent + "  ", lines, first=f"{indent}- ")
        elif isinstance(item, list) and item:
            lines.append(f"{indent}-")
            _sequence(item, indent + "  ", lines)
        else:
            lines.append(f"{indent}- {scalar(item)}")


def scalar(value: Any) -> str:
    """A single value on one line."""
    if type(value) is str:
        return _text(value)
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, float):
        return {"NaN": ".nan", "+Inf": ".inf", "-Inf": "-.inf"}.get(gotext.floating(value), gotext.floating(value))
    if isinstance(value, Timestamp):
        return str(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, (dict, list)):
        return "{}" if isinstance(value, dict) else "[]"
    return str(value)


def _text(text: str) -> str:
    if _PLAIN.match(text) and text.lower() not in _WORDS:
        return text
    if not text.isprintable() or not text or text.lower() in _WORDS or _OTHER.match(text):
        return '"' + "".join(map(_character, text)) + '"'
    if _SPECIAL_START.match(text) or _SPECIAL_INSIDE.search(text) or text != text.strip():
        return "'" + text.replace("'", "''") + "'"
    return text


def _character(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    if character.isprintable():
        return character
    code = ord(character)
    short = {9: "\\t", 10: "\\n", 13: "\\r"}.get(code)
    return short or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}")


def _fits_block(text: str) -> bool:
    """Whether text of several lines can stand as a block, with no space at its ends that could be lost."""
    lines = text.split("\n")
    return bool(lines[0]) and lines[0][0] != " " and all(map(_fits_line, lines))


def _fits_line(line: str) -> bool:
    return line.replace("\t", "").isprintable() and not line.endswith((" ", "\t"))


def _block(head: str, text: str, indent: str, lines: list[str]) -> None:
    body = text.rstrip("\n")
    trailing = len(text) - len(body)
    lines.append(f"{head} |{'-' if not trailing else '' if trailing == 1 else '+'}")
    lines.extend(f"{indent}{line}" if line else "" for line in body.split("\n"))
    lines.extend([""] * (trailing - 1))
