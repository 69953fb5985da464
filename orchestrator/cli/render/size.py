"""Sizes and times as people read them."""

from __future__ import annotations

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def of(count: float) -> str:
    """``12.3MB``: decimal units and three significant digits, as Docker prints sizes."""
    unit = 0
    while count >= 1000 and unit < len(_UNITS) - 1:
        count /= 1000
        unit += 1
    return f"{count:.3g}{_UNITS[unit]}" if count < 999.5 else f"{count:.0f}{_UNITS[unit]}"


def binary(count: float) -> str:
    """``12.3MiB``: powers of 1024 and four significant digits, as Docker prints memory."""
    unit = 0
    while count >= 1024 and unit < len(_UNITS) - 1:
        count /= 1024
        unit += 1
    name = "B" if not unit else _UNITS[unit][0].upper() + "iB"
    return f"{count:.4g}{name}"


def seconds(count: float) -> str:
    """``0.4s``, ``75.2s``."""
    return f"{count:.1f}s"


def ago(count: float) -> str:
    """``3 minutes``, in Docker's words."""
    if count < 1:
        return "Less than a second"
    for limit, unit, text in _AGES:
        if count < limit:
            value = int(count / unit)
            return text if "%" not in text else text % value
    return f"{int(count / 31536000)} years"


_AGES = (
    (2, 1, "1 second"),
    (60, 1, "%d seconds"),
    (120, 60, "About a minute"),
    (3600, 60, "%d minutes"),
    (7200, 3600, "About an hour"),
    (172800, 3600, "%d hours"),
    (1209600, 86400, "%d days"),
    (5184000, 604800, "%d weeks"),
    (63072000, 2592000, "%d months"),
)
