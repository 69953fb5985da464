"""How wide text is on a terminal, and how to make it fit."""

from __future__ import annotations


def of(text: str) -> int:
    """Columns that ``text`` takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text)


def fit(text: str, columns: int) -> str:
    """``text`` cut to ``columns``, with an ellipsis where something is missing."""
    if of(text) <= columns:
        return text
    kept, used = "", 0
    for letter in text:
        used += of(letter)
        if used > columns - 1:
            break
        kept += letter
    return kept + "…" if columns > 0 else ""


def pad(text: str, columns: int) -> str:
    """``text`` with spaces behind it up to ``columns``."""
    return text + " " * (columns - of(text))
