"""JSON as the engine reads it: names of fields whatever their case, names of entries as they are, nothing twice.

The engine's decoder takes ``privileged``, ``PRIVILEGED`` and a few letters beyond ASCII for ``Privileged``, and of two it takes the
last. What could be read in two ways is refused. Whether an object is one of fields or of entries only its reader knows, so
``decode`` leaves objects as pairs.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

DEEPEST = 32


class Unreadable(Exception):
    """Not what the engine would read there, or readable in two ways."""


class Pairs(list[tuple[str, Any]]):
    """An object of JSON, undecided."""


def decode(data: bytes) -> Any:
    """The value of one JSON document. Raises Unreadable."""
    try:
        value = json.loads(data.decode(), object_pairs_hook=Pairs)
    except (ValueError, RecursionError) as problem:
        raise Unreadable(f"not JSON: {problem}") from None
    if not _is_shallow(value, DEEPEST):
        raise Unreadable("nested too deeply")
    return value


def _is_shallow(value: Any, left: int) -> bool:
    if not isinstance(value, list):
        return True
    below = (item[1] if isinstance(value, Pairs) else item for item in value)
    return left > 0 and all(_is_shallow(item, left - 1) for item in below)


def fold(name: str) -> str:
    """The one form of all spellings that mean the same field: the long s and the sign for kelvin are letters, too."""
    return name.lower().replace("ſ", "s")


def fields(value: Any) -> dict[str, Any]:
    """An object of fields, by folded names."""
    return _unique(value, fold)


def entries(value: Any) -> dict[str, Any]:
    """An object of entries, by their names as they are."""
    return _unique(value, str)


def _unique(value: Any, key: Any) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Pairs):
        raise Unreadable("an object is expected")
    found: dict[str, Any] = {}
    for name, item in value:
        if key(name) in found:
            raise Unreadable(f"{name!r} stands there twice")
        found[key(name)] = item
    return found


def items(value: Any) -> Iterator[tuple[int, Any]]:
    """A list with the numbers of its items."""
    if value is None:
        return iter(())
    if not isinstance(value, list) or isinstance(value, Pairs):
        raise Unreadable("a list is expected")
    return enumerate(value)


def text(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Unreadable("a text is expected")
    return value


def number(value: Any) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int):
        raise Unreadable("a number is expected")
    return value
