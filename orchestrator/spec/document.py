"""A parsed document: plain dicts and lists that remember where each of their values stands.

``Map`` and ``Seq`` behave as ``dict`` and ``list`` (so that every step of the loader, and any library, can read them)
and carry beside each value its ``Mark``. A step that moves a value moves its mark with it; a step that makes a value
up gives it the mark of what it was made from. ``where`` turns a path into the place an error message names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from orchestrator.errors import Where
from orchestrator.spec.hints import visible


class Mark(NamedTuple):
    """A place in a file; line and column count from 1, 0 where unknown."""

    file: str
    line: int
    column: int


NOWHERE = Mark("", 0, 0)


class Map(dict[str, Any]):
    """A mapping whose keys and values know their places: ``keys_at[key]`` and ``values_at[key]``."""

    __slots__ = ("keys_at", "mark", "values_at")

    def __init__(self, items: Iterable[tuple[str, Any]] = (), mark: Mark = NOWHERE) -> None:
        super().__init__(items)
        self.mark = mark
        self.keys_at: dict[str, Mark] = {}
        self.values_at: dict[str, Mark] = {}

    def put(self, key: str, value: Any, key_mark: Mark, value_mark: Mark) -> None:
        """Set ``key`` with the places of the key and of its value."""
        self[key] = value
        self.keys_at[key] = key_mark
        self.values_at[key] = value_mark

    def take(self, key: str, source: Map, value: Any = None) -> None:
        """Set ``key`` to ``value`` (default: the source's own) with the marks that ``source`` has for it."""
        self.put(
            key,
            source[key] if value is None else value,
            source.keys_at.get(key, source.mark),
            source.values_at.get(key, source.mark),
        )

    def mark_of(self, key: str) -> Mark:
        """The place of the value under ``key``, the map's own where it has none."""
        return self.values_at.get(key, self.mark)


class Seq(list[Any]):
    """A list whose items know their places: ``items_at[index]``."""

    __slots__ = ("items_at", "mark")

    def __init__(self, items: Iterable[Any] = (), mark: Mark = NOWHERE, items_at: Iterable[Mark] = ()) -> None:
        super().__init__(items)
        self.mark = mark
        self.items_at: list[Mark] = list(items_at)

    def add(self, value: Any, mark: Mark) -> None:
        """Append ``value`` found at ``mark``."""
        self.append(value)
        self.items_at.append(mark)

    def mark_of(self, index: int) -> Mark:
        """The place of item ``index``, the list's own where it has none."""
        return self.items_at[index] if index < len(self.items_at) else self.mark


def format_path(path: Sequence[str | int]) -> str:
    """``("services", "web", "ports", 0)`` as ``services.web.ports[0]``, odd characters written out."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + visible(str(part))
    return text


def where(root: Any, path: Sequence[str | int], *, at_key: bool = False) -> Where:
    """The place of the value at ``path`` below ``root`` (``at_key``: of its key), else of its nearest known parent."""
    mark, node = getattr(root, "mark", NOWHERE), root
    for depth, part in enumerate(path):
        found = NOWHERE
        if isinstance(node, Map) and isinstance(part, str) and part in node:
            key_wanted = at_key and depth == len(path) - 1
            found = (node.keys_at if key_wanted else node.values_at).get(part, NOWHERE)
            node = node[part]
        elif isinstance(node, Seq) and isinstance(part, int) and part < len(node):
            found, node = node.mark_of(part), node[part]
        else:
            break
        mark = found if found.line else mark
    return Where(mark.file, mark.line, mark.column, format_path(path))
