"""Circles in a graph of names, each drawn once, however large the graph (no recursion)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def cycles(edges: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """One circle for every way back that a walk meets, each beginning with its first name in the alphabet."""
    found: dict[frozenset[str], list[str]] = {}
    finished: set[str] = set()
    for start in edges:
        if start not in finished:
            _walk(start, edges, finished, found)
    return list(found.values())


def _walk(
    start: str, edges: Mapping[str, Sequence[str]], finished: set[str], found: dict[frozenset[str], list[str]]
) -> None:
    path, places = [start], {start: 0}
    pending = [iter(edges[start])]
    while pending:
        name = next(pending[-1], None)
        if name is None:
            pending.pop()
            done = path.pop()
            del places[done]
            finished.add(done)
        elif name in places:
            circle = _rotated(path[places[name] :])
            found.setdefault(frozenset(circle), circle)
        elif name not in finished:
            places[name] = len(path)
            path.append(name)
            pending.append(iter(edges.get(name, ())))


def _rotated(circle: list[str]) -> list[str]:
    first = circle.index(min(circle))
    return circle[first:] + circle[:first]
