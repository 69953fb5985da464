"""What a template may call: Go's own functions, and those that Docker's command line adds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from orchestrator.cli.gotemplate import values
from orchestrator.cli.gotemplate.lexer import problem
from orchestrator.cli.gotemplate.values import MISSING, text, truth


def _equal(first: object, *others: object) -> bool:
    if not others:
        raise problem("eq needs two values")
    return any(_same(first, other) for other in others)


def _same(one: object, other: object) -> bool:
    if isinstance(one, (str, bool)) is not isinstance(other, (str, bool)) and None not in (one, other):
        if MISSING in (one, other):
            return False
        raise problem(f"incompatible types for comparison: {text(one)} and {text(other)}")
    return one == other


def _ordered(one: object, other: object) -> int:
    numbers = isinstance(one, (int, float)) and isinstance(other, (int, float))
    if not numbers and not (isinstance(one, str) and isinstance(other, str)):
        raise problem(f"incompatible types for comparison: {text(one)} and {text(other)}")
    before: bool = one < other  # type: ignore[operator]
    return -1 if before else int(one != other)


def _length(value: object) -> int:
    if isinstance(value, str):
        return len(value.encode())
    if isinstance(value, (Mapping, Sequence)):
        return len(value)
    raise problem(f"len of {text(value)}, which has no length")


def _index(value: object, *keys: object) -> object:
    for key in keys:
        if isinstance(value, Mapping):
            value = value.get(key, MISSING if value else "")
        elif isinstance(value, Sequence) and isinstance(key, int):
            if not 0 <= key < len(value):
                raise problem(f"index {key} is out of range: there are {len(value)}")
            value = value[key]
        else:
            raise problem(f"{text(value)} has no element {text(key)}")
    return value


def _slice(value: object, *bounds: object) -> object:
    if not isinstance(value, (str, Sequence)) or len(bounds) > 2:
        raise problem("slice takes a text or a list, and up to two numbers")
    numbers = [bound for bound in bounds if isinstance(bound, int)]
    begin, end = (numbers + [0, len(value)][len(numbers) :])[:2]
    if len(numbers) < len(bounds) or not 0 <= begin <= end <= len(value):
        raise problem(f"slice {begin}:{end} is out of range: there are {len(value)}")
    return value[begin:end]


def _print(*given: object) -> str:
    """Spaces stand between values of which neither is a text."""
    made = ""
    for number, value in enumerate(given):
        apart = number and not isinstance(value, str) and not isinstance(given[number - 1], str)
        made += (" " if apart else "") + text(value)
    return made


def _println(*given: object) -> str:
    return " ".join(map(text, given)) + "\n"


def _join(items: object, separator: object) -> str:
    if not values.is_list(items):
        raise problem(f"join needs a list, not {text(items)}")
    assert isinstance(items, Sequence)
    return text(separator).join(map(text, items))


def _title(value: object) -> str:
    return " ".join(word[:1].upper() + word[1:] for word in text(value).split(" "))


def _pad(value: object, before: object, after: object) -> str:
    if not isinstance(before, int) or not isinstance(after, int):
        raise problem("pad takes two numbers behind the text")
    return " " * before + text(value) + " " * after if text(value) else ""


def _truncate(value: object, length: object) -> str:
    if not isinstance(length, int):
        raise problem("truncate takes a number behind the text")
    return text(value)[:length]


def _html(*given: object) -> str:
    from html import escape

    return escape(_print(*given)).replace("&quot;", "&#34;").replace("&#x27;", "&#39;")


def _urlquery(*given: object) -> str:
    from urllib.parse import quote_plus

    return quote_plus(_print(*given))


# In table headings these leave what they are given as it is.
OF_DOCKER: dict[str, Callable[..., object]] = {
    "json": values.as_json,
    "split": lambda value, separator: text(value).split(text(separator)),
    "join": _join,
    "title": _title,
    "lower": lambda value: text(value).lower(),
    "upper": lambda value: text(value).upper(),
    "pad": _pad,
    "truncate": _truncate,
    "println": _println,
}
ALL: dict[str, Callable[..., object]] = {
    **OF_DOCKER,
    "not": lambda value: not truth(value),
    "eq": _equal,
    "ne": lambda one, other: not _same(one, other),
    "lt": lambda one, other: _ordered(one, other) < 0,
    "le": lambda one, other: _ordered(one, other) <= 0,
    "gt": lambda one, other: _ordered(one, other) > 0,
    "ge": lambda one, other: _ordered(one, other) >= 0,
    "len": _length,
    "index": _index,
    "slice": _slice,
    "print": _print,
    "printf": values.printf,
    "html": _html,
    "urlquery": _urlquery,
    # Carried out by ``evaluate``, which looks at no more arguments than it has to.
    "and": lambda *given: given[-1],
    "or": lambda *given: given[-1],
}
