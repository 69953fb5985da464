"""Text from elsewhere (names, logs, health checks) made harmless for a terminal.

Colours that a program printed are dropped; every other control character, and those that turn the direction of
writing, are shown instead of being carried out, so that no text can move the cursor, rename the window or hide what
it says.
"""

from __future__ import annotations

import functools
import re

_BIDI = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029, 0xFEFF)


@functools.cache
def _visible() -> dict[int, str]:
    controls = [*range(0x20), *range(0x7F, 0xA0)]
    table = {code: f"\\x{code:02x}" for code in controls if code not in (0x09, 0x0A)}
    table[0x0D] = "\\r"
    table.update({code: f"\\u{code:04x}" for code in _BIDI})
    table.update({code: f"\\u{code:04x}" for code in range(0xD800, 0xE000)})
    return table


@functools.cache
def _colours() -> re.Pattern[str]:
    return re.compile("\x1b\\[[0-9;:]*m")


def harmless(text: str) -> str:
    """``text`` with everything visible that a terminal would obey; tabs and line ends stay."""
    if text.isprintable():
        return text
    if "\x1b[" in text:
        text = _colours().sub("", text)
    return text.translate(_visible())


def one_line(text: str) -> str:
    """The same, on one line."""
    return text if text.isprintable() else harmless(" ".join(text.split()))
