"""Where each path of a model stands in the user's files, worked out when asked: ``places["services.web.ports"]``.

Keeping a ``Where`` for every path of a thousand services would cost more than all messages that will ever need one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orchestrator.errors import Where
from orchestrator.spec.document import Map, Seq, where

_Path = list[str | int]


class Places(Mapping[str, Where]):
    """A mapping of paths, written as messages write them, to places; it holds the model they are found in."""

    def __init__(self, model: Map) -> None:
        self._model = model

    def __getitem__(self, path: str) -> Where:
        found = _find(self._model, path)
        if found is None:
            raise KeyError(path)
        return where(self._model, found)

    def __iter__(self) -> Iterator[str]:
        for section, value in self._model.items():
            yield section
            if isinstance(value, Map):
                yield from (f"{section}.{name}" for name in value)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _find(node: object, path: str) -> _Path | None:
    """The keys that ``path`` means below ``node``; names may themselves hold dots, the longest that fits is taken."""
    if not path:
        return []
    if isinstance(node, Seq) and path.startswith("["):
        number, _, rest = path[1:].partition("]")
        index = int(number) if number.isdigit() else len(node)
        below = _find(node[index], rest.removeprefix(".")) if index < len(node) else None
        return None if below is None else [index, *below]
    if not isinstance(node, Map):
        return None
    for key in sorted((key for key in node if _begins(path, key)), key=len, reverse=True):
        below = _find(node[key], path[len(key) :].removeprefix("."))
        if below is not None:
            return [key, *below]
    return None


def _begins(path: str, key: str) -> bool:
    return path.startswith(key) and path[len(key) : len(key) + 1] in ("", ".", "[")
