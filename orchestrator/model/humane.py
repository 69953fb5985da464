"""Sizes, durations and cpus as people write them: ``64m``, ``1m30s``, ``0.5``.

The engine's units (bytes, nanoseconds, billionths of a cpu) come in, text goes out. Separate because plans, tables and notes
all show the same values and must show them alike.
"""

from __future__ import annotations

_SIZES = ((1 << 40, "t"), (1 << 30, "g"), (1 << 20, "m"), (1 << 10, "k"))
_DURATIONS = (
    (3_600_000_000_000, "h"),
    (60_000_000_000, "m"),
    (1_000_000_000, "s"),
    (1_000_000, "ms"),
    (1_000, "us"),
    (1, "ns"),
)


def size(count: int) -> str:
    """``67108864`` -> ``64m``; what is no whole number of units stays in bytes, so that two sizes never look alike."""
    for unit, suffix in _SIZES:
        if count >= unit and count % unit == 0:
            return f"{count // unit}{suffix}"
    return str(count)


def duration(nanoseconds: int) -> str:
    """``90_000_000_000`` -> ``1m30s``."""
    if nanoseconds <= 0:
        return f"{nanoseconds}s" if nanoseconds == 0 else f"-{duration(-nanoseconds)}"
    text, rest = "", nanoseconds
    for unit, suffix in _DURATIONS:
        count, rest = divmod(rest, unit)
        if count:
            text += f"{count}{suffix}"
    return text


def cpus(billionths: int) -> str:
    """``500_000_000`` -> ``0.5``."""
    whole, rest = divmod(billionths, 1_000_000_000)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".")


def count(number: int, noun: str) -> str:
    """``1 container``, ``2 containers``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
