"""What a YAML scalar means: the rules of the YAML reader that Compose uses, not those of PyYAML.

Between YAML 1.1 and 1.2: ``yes``, ``no`` and ``22:22`` stay text, ``010`` and ``0o10`` are eight, ``1_000`` is a
thousand, a number too large for 64 bits becomes a float, a float too large stays text, and a date is a ``Timestamp``.
Text in, a plain value out; nothing here fails on a plain scalar.
"""

from __future__ import annotations

import re
from typing import Any

_WORDS: dict[str, Any] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}
_WORD_STARTS = frozenset("tTfFnN~.+-")
_NUMBER_STARTS = frozenset("0123456789+-.")

_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_DATE = re.compile(r"[0-9]{4}-([0-9]{1,2})-([0-9]{1,2})\Z")
_MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})(?:[Tt]|[ ]+)([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:\.([0-9]+))?"
    r"[ ]*(Z|[-+][0-9]{2}:[0-9]{2})?\Z"
)
_LARGEST_SIGNED, _LARGEST = 2**63, 2**64


class Timestamp(str):
    """A YAML date or time in its canonical spelling; text that must be written without quotes to stay what it is."""

    __slots__ = ()


class BadScalar(ValueError):
    """A scalar does not fit the tag written before it."""


def plain(text: str) -> Any:
    """The value of an untagged scalar without quotes."""
    if not text:
        return None
    start = text[0]
    if start in _WORD_STARTS and text in _WORDS:
        return _WORDS[text]
    if start in _NUMBER_STARTS:
        return _number(text, start)
    return text


TAGS = frozenset(("str", "binary", "null", "bool", "int", "float", "timestamp"))


def tagged(kind: str, text: str) -> Any:
    """The value of a scalar with one of YAML's own ``TAGS``; raises ``BadScalar`` where it does not fit."""
    if kind in ("str", "binary"):
        return text if kind == "str" else _binary(text)
    value = plain(text)
    fits = {
        "null": value is None,
        "bool": isinstance(value, bool),
        "int": isinstance(value, int) and not isinstance(value, bool),
        "float": isinstance(value, (int, float)) and not isinstance(value, bool),
        "timestamp": isinstance(value, Timestamp),
    }.get(kind)
    if not fits:
        raise BadScalar(f"{text!r} is not a {kind}")
    if kind == "float":
        return float(value)
    return value


def _number(text: str, start: str) -> Any:
    if start == ".":
        return _float(text) if _FLOAT.match(text) else text
    if len(text) > 7 and text[4] == "-":
        moment = _moment(text)
        if moment is not None:
            return moment
    digits = text.replace("_", "")
    match = _INTEGER.match(digits)
    if match is not None:
        value = _integer(match)
        if value is not None:
            return value
    if _FLOAT.match(digits):
        value = _float(digits)
        return text if isinstance(value, str) else value
    return text


def _integer(match: re.Match[str]) -> int | None:
    sign, hexadecimal, binary, octal, decimal = match.groups()
    digits = hexadecimal or binary or octal or decimal
    if len(digits) > 70:
        return None
    value = int(digits, 16 if hexadecimal else 2 if binary else 8 if octal else 10)
    if sign == "-":
        return -value if value <= _LARGEST_SIGNED else None
    return value if value < (_LARGEST_SIGNED if sign else _LARGEST) else None


def _float(text: str) -> Any:
    """The float, or the text itself when it is beyond what a float can hold."""
    value = float(text)
    return text if value in (float("inf"), float("-inf")) else value


def _moment(text: str) -> Timestamp | None:
    if _DATE.match(text):
        year, month, day = (int(part) for part in text.split("-"))
        return Timestamp(f"{year:04}-{month:02}-{day:02}T00:00:00Z") if _exists(year, month, day) else None
    match = _MOMENT.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in match.groups()[:6])
    if not _exists(year, month, day) or hour > 23 or minute > 59 or second > 59:
        return None
    fraction = (match[7] or "")[:9].rstrip("0")
    dot = f".{fraction}" if fraction else ""
    return Timestamp(f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{dot}{_zone(match[8])}")


def _zone(text: str | None) -> str:
    return "Z" if text in (None, "Z", "+00:00", "-00:00") else str(text)


def _exists(year: int, month: int, day: int) -> bool:
    if not 1 <= month <= 12 or day < 1:
        return False
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    return day <= (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]


def _binary(text: str) -> str:
    import base64
    import binascii

    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError) as error:
        raise BadScalar("!!binary holds no valid base64") from error
