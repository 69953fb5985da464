"""Durations and sizes as users write them: ``1m30s`` and ``64mb``, to whole nanoseconds and bytes, and back to text.

The grammars are Compose's: durations of any number of ``w d h m s ms us ns`` parts with fractions, sizes with one binary
suffix. A text that does not fit raises ``ValueError`` with words for the user.
"""

from __future__ import annotations

import re

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,
    "\u03bcs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
    "w": 604_800_000_000_000,
}
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?([^0-9.]+)")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE]([-+]?[0-9]+))? ?(?:([kmgtp])(?:i?b)?|b)?\Z", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_LARGEST = 2**63 - 1


def duration(text: str) -> int:
    """``text`` as nanoseconds."""
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text.removeprefix("+"))
    if rest == "0":
        return 0
    total, position = 0, 0
    while position < len(rest) and len(rest) < 200:
        match = _PART.match(rest, position)
        if match is None or not (match[1] or match[2]) or match[3] not in _UNITS:
            break
        total += _scaled(match[1], match[2] or "", _UNITS[match[3]])
        position = match.end()
    if not rest or position < len(rest):
        raise ValueError(f"{text!r} is not a duration; write it like 90s or 1m30s")
    if total > _LARGEST:
        raise ValueError(f"{text!r} is too long a duration")
    return sign * total


def _scaled(whole: str, fraction: str, unit: int) -> int:
    digits = fraction[:18]
    return int(whole or "0") * unit + (int(digits) * unit // 10 ** len(digits) if digits else 0)


def duration_text(nanoseconds: int) -> str:
    """Nanoseconds as ``1h0m0s``, ``1.5s``, ``100ms``."""
    sign, rest = ("-", -nanoseconds) if nanoseconds < 0 else ("", nanoseconds)
    if rest < 1_000_000_000:
        return sign + _below_a_second(rest)
    seconds, nanoseconds = divmod(rest, 1_000_000_000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    last = f"{_decimal(seconds, nanoseconds, 9)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{last}"
    return f"{sign}{minutes}m{last}" if minutes else sign + last


def _below_a_second(nanoseconds: int) -> str:
    for unit, size, places in (("ms", 1_000_000, 6), ("\u00b5s", 1_000, 3), ("ns", 1, 0)):
        if nanoseconds >= size:
            return f"{_decimal(*divmod(nanoseconds, size), places)}{unit}"
    return "0s"


def _decimal(whole: int, fraction: int, places: int) -> str:
    digits = f"{fraction:0{places}}".rstrip("0") if fraction else ""
    return f"{whole}.{digits}" if digits else str(whole)


def size(text: str) -> int:
    """``text`` as bytes; suffixes count in powers of 1024."""
    match = _SIZE.match(text) if len(text) < 400 else None
    if match is None:
        raise ValueError(f"{text!r} is not a size; write it like 512m or 2gb")
    try:
        number = float(f"{match[1]}e{match[2] or 0}") * 1024.0 ** _POWERS[(match[3] or "").lower()]
    except OverflowError:
        number = float("inf")
    if number >= 2.0**63:
        raise ValueError(f"{text!r} is too large a size")
    return int(number)
