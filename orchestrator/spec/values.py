"""Durations, sizes, numbers and restart policies as people write them, and the canonical text of each.

Text (or a number) in, an integer in the engine's unit out: nanoseconds, bytes, billionths of a cpu. What cannot be
read raises ``BadValue`` with a message and a hint; who walks the document adds where it stands. Every value is bounded
before anything is computed with it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from orchestrator.spec import gotext
from orchestrator.spec.hints import did_you_mean, quoted

LARGEST = 2**63 - 1
_DIGITS_MAX = 40

Path = tuple[str | int, ...]


class BadValue(ValueError):
    """What is wrong with a value, or with several values below one: (path from the value, message, hint) each."""

    def __init__(self, message: str = "", hint: str = "", problems: Iterable[tuple[Path, str, str]] = ()) -> None:
        super().__init__(message)
        self.problems = list(problems) or [((), message, hint)]

    def below(self, key: str | int) -> list[tuple[Path, str, str]]:
        """The same problems, as seen from one level up."""
        return [((key, *path), message, hint) for path, message, hint in self.problems]


# --- durations ----------------------------------------------------------------------------------------------------

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
    "w": 604_800_000_000_000,
}
_PART = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h|d|w)")
_DURATION_HINT = "write a number with a unit, such as 10s, 1m30s, 500ms or 2h"


def duration(text: Any) -> int:
    """``1m30s`` in nanoseconds. Units: ns, us, ms, s, m, h, d, w; fractions are allowed, negative durations are not."""
    if not isinstance(text, str):
        raise BadValue(f"{quoted(gotext.text(text))} is not a duration", _DURATION_HINT)
    digits = text.removeprefix("+")
    if digits in ("0", "-0"):
        return 0
    total = _nanoseconds(digits.removeprefix("-"))
    if total is None:
        raise BadValue(f"{quoted(text)} is not a duration", _missing_unit(digits) or _DURATION_HINT)
    if digits.startswith("-") and total:
        raise BadValue(f"{quoted(text)} is a negative duration", "write 0 or more")
    if total > LARGEST:
        raise BadValue(f"{quoted(text)} is too long a duration", "at most about 292 years can be counted")
    return total


def _nanoseconds(text: str) -> int | None:
    total, position = 0, 0
    while position < len(text):
        part = _PART.match(text, position)
        if part is None or not (part[1] or part[2]) or len(part[1]) > _DIGITS_MAX:
            return None
        unit, fraction = _UNITS[part[3]], (part[2] or "")[:_DIGITS_MAX]
        total += int(part[1] or "0") * unit + (int(fraction) * unit // 10 ** len(fraction) if fraction else 0)
        position = part.end()
    return total if text else None


def _missing_unit(text: str) -> str:
    return f"add a unit: {text}s for seconds, {text}m for minutes" if text.isascii() and text.isdigit() else ""


def duration_text(nanoseconds: int) -> str:
    """The canonical text: ``1h0m5s``, ``1.5s``, ``20ms``, ``0s``."""
    if nanoseconds < _UNITS["s"]:
        for unit in ("ms", "µs", "ns"):
            if nanoseconds >= _UNITS[unit]:
                return _decimal(nanoseconds, _UNITS[unit]) + unit
        return "0s"
    minutes, rest = divmod(nanoseconds, _UNITS["m"])
    hours, minutes = divmod(minutes, 60)
    seconds = _decimal(rest, _UNITS["s"]) + "s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def _decimal(amount: int, unit: int) -> str:
    whole, fraction = divmod(amount, unit)
    width = len(str(unit)) - 1
    return f"{whole}.{fraction:0{width}}".rstrip("0") if fraction else str(whole)


# --- sizes --------------------------------------------------------------------------------------------------------

_SIZE = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE]\+?([0-9]{1,2}))? ?(?:([kKmMgGtTpP])([iI]?[bB])?|[bB])?\Z")
_POWERS = {"k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
_SIZE_HINT = "write bytes, or a number with a unit: 64m, 1.5gb, 512kb"


def size(value: Any) -> int:
    """``64m``, ``1.5gb`` or a number in bytes; units are powers of 1024."""
    if isinstance(value, str):
        return _sized(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadValue(f"{quoted(gotext.text(value))} is not a size", _SIZE_HINT)
    return whole(value, least=0)


def _sized(text: str) -> int:
    match = _SIZE.match(text)
    if match is None or len(text) > _DIGITS_MAX:
        hint = "a size cannot be negative" if text.startswith("-") else _SIZE_HINT
        raise BadValue(f"{quoted(text)} is not a size", hint)
    number, exponent, unit, _ = match.groups()
    factor: int = 1024 ** _POWERS[unit.lower()] if unit else 1
    digits, _, fraction = number.partition(".")
    scale: int = 10 ** int(exponent or "0") * factor
    total = int(digits or "0") * scale + (int(fraction) * scale // 10 ** len(fraction) if fraction else 0)
    if total > LARGEST:
        raise BadValue(f"{quoted(text)} is too large a size", f"at most {LARGEST} bytes can be counted")
    return total


def swap_size(value: Any) -> int:
    """A size, or -1 for no limit."""
    return -1 if value in (-1, "-1") else size(value)


# --- numbers ------------------------------------------------------------------------------------------------------


def whole(value: Any, least: int = -LARGEST - 1, most: int = LARGEST) -> int:
    """A whole number, written as one, as ``2.0`` or in quotes, within bounds."""
    number = _number(value)
    if isinstance(number, float):
        if not number.is_integer():
            raise BadValue(f"{quoted(gotext.text(value))} is not a whole number", "write it without a fraction")
        number = int(number)
    if not least <= number <= most:
        raise BadValue(f"{quoted(gotext.text(value))} is out of range", f"write a number {_span(least, most)}")
    return number


def _span(least: int, most: int) -> str:
    if most >= LARGEST:
        return f"that is {least} or more" if least > -LARGEST else f"of at most {LARGEST}"
    return f"from {least} to {most}"


def fraction(value: Any, least: float = 0.0, most: float = math.inf) -> float:
    """A number with or without a fraction, within bounds."""
    number = float(_number(value))
    if not least <= number <= most:
        span = f"from {gotext.text(least)} to {gotext.text(most)}" if most < math.inf else "that is 0 or more"
        raise BadValue(f"{quoted(gotext.text(value))} is out of range", f"write a number {span}")
    return number


def _number(value: Any) -> int | float:
    number = _read(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, (int, float)) or math.isnan(number):
        raise BadValue(f"{quoted(gotext.text(value))} is not a number", "write a number such as 2")
    if math.isinf(number):
        raise BadValue(f"{quoted(gotext.text(value))} is too large a number", f"write one of at most {LARGEST}")
    return number


_WHOLE = re.compile(r"[-+]?[0-9]+\Z")
_REAL = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?\Z")


def _read(text: str) -> int | float | None:
    if _WHOLE.match(text):
        return int(text) if len(text) < _DIGITS_MAX else math.inf
    return float(text) if _REAL.match(text) else None


CPUS_MOST = LARGEST // 1_000_000_000


def nano_cpus(value: Any) -> int:
    """``0.5`` cpus in billionths."""
    return round(fraction(value, 0, CPUS_MOST) * 1_000_000_000)


def file_mode(value: Any) -> int:
    """``"0440"`` (read as octal) or the number itself."""
    if isinstance(value, str):
        if not value or len(value) > 12 or value.strip("01234567"):
            raise BadValue(f"{quoted(value)} is not a file mode", 'write octal digits in quotes, such as "0440"')
        value = int(value, 8)
    return whole(value, 0, 0o7777)


# --- restart policies and pull policies ---------------------------------------------------------------------------

RESTART_POLICIES = ("no", "always", "on-failure", "unless-stopped")


def restart_policy(text: str) -> tuple[str, int]:
    """``on-failure:3`` as ``("on-failure", 3)``; 0 means without bound."""
    name, colon, count = text.partition(":")
    if name not in RESTART_POLICIES or (colon and name != "on-failure"):
        hint = "only on-failure takes a count" if name in RESTART_POLICIES else did_you_mean(name, RESTART_POLICIES)
        choices = "write no, always, on-failure, on-failure:N or unless-stopped"
        raise BadValue(f"{quoted(text)} is not a restart policy", hint or choices)
    if not colon:
        return name, 0
    try:
        return name, whole(count, 0, 2**31 - 1)
    except BadValue:
        hint = "write a whole number after the colon: on-failure:3"
        raise BadValue(f"{quoted(text)} is not a restart policy", hint) from None


def pull_interval(text: str) -> int:
    """The nanoseconds of ``daily``, ``weekly`` and ``every_12h``; 0 for the other pull policies."""
    if text in ("daily", "weekly"):
        return _UNITS["d" if text == "daily" else "w"]
    if not text.startswith("every_"):
        return 0
    interval = duration(text.removeprefix("every_"))
    if not interval:
        raise BadValue(f"{quoted(text)} leaves no time between two pulls", "write always, or a longer time")
    return interval
