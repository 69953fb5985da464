"""Numbers and other plain values as the text that Compose makes of them, so that ``1.50`` becomes the same label here.

Used wherever a value of any type ends up as text: labels, environment, options. Floats take their shortest form, with
an exponent below 0.0001 and from a million on.
"""

from __future__ import annotations

import math
import struct
from typing import Any


def text(value: Any) -> str:
    """``value`` as text: ``true``, ``8``, ``1.5``, ``1e+08``."""
    if type(value) is str:
        return value
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, float):
        return floating(value)
    return "" if value is None else str(value)


def floating(value: float) -> str:
    """A float in its shortest form, with an exponent where the number is small or large."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    digits, exponent = _digits(repr(value))
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    if value == 0:
        return f"{sign}0"
    if exponent < -4 or exponent >= 6:
        return sign + _scientific(digits, exponent)
    return sign + _positional(digits, exponent)


def single(value: float) -> float:
    """The float that the shortest text of ``value`` in single precision stands for: 0.1 stays 0.1."""
    if math.isnan(value) or math.isinf(value) or value == 0:
        return value
    try:
        wanted = struct.pack("f", value)
    except OverflowError:
        return value
    for precision in range(1, 10):
        candidate = float(f"{value:.{precision}g}")
        if struct.pack("f", candidate) == wanted:
            return candidate
    return value


def _digits(shortest: str) -> tuple[str, int]:
    """The significant digits of a ``repr`` and the exponent of the first of them."""
    number, _, written = shortest.lstrip("-").partition("e")
    whole, _, fraction = number.partition(".")
    exponent = int(written or "0")
    if whole.strip("0"):
        digits, exponent = (whole + fraction), exponent + len(whole) - 1
    else:
        stripped = fraction.lstrip("0")
        exponent -= len(fraction) - len(stripped) + 1
        digits = stripped
    return digits.rstrip("0") or "0", exponent


def _scientific(digits: str, exponent: int) -> str:
    rest = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{rest}e{'-' if exponent < 0 else '+'}{abs(exponent):02}"


def _positional(digits: str, exponent: int) -> str:
    if exponent < 0:
        return "0." + "0" * (-exponent - 1) + digits
    whole = digits[: exponent + 1].ljust(exponent + 1, "0")
    fraction = digits[exponent + 1 :]
    return f"{whole}.{fraction}" if fraction else whole
