"""Small pieces of sentences that error messages of the loader share: lists, quoting of odd text, "did you mean"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_LONGEST = 120


def quoted(text: str) -> str:
    """The text between back quotes, cut when long, with everything unprintable or deceptive written out."""
    shown = text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
    return f"`{visible(shown)}`"


def visible(text: str) -> str:
    """``text`` with control, bidirectional and zero-width characters and lone surrogates as escapes."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def listing(words: Sequence[str], last: str = "and") -> str:
    """``a, b and c``."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean `image`?`` for the known word nearest to ``word``, empty where none is near."""
    from difflib import get_close_matches

    choices = {choice.lower(): choice for choice in sorted(known, reverse=True)}
    near = get_close_matches(word.lower()[:100].replace("-", "_"), choices, n=1, cutoff=0.6)
    near = near or get_close_matches(word.lower()[:100], choices, n=1, cutoff=0.6)
    return f"did you mean {quoted(choices[near[0]])}?" if near else ""
