"""Copies of parts of a document, and how large they are: what aliases, merge keys and ``extends`` need.

A copy shares no collection with what it was made from, so that either can be changed; its values keep their places.
"""

from __future__ import annotations

from typing import Any

from orchestrator.spec.document import Map, Seq

COLLECTIONS = frozenset((Map, Seq))


def copy(value: Any) -> Any:
    """A copy of a document's value that shares no collection with it."""
    if type(value) is Map:
        twin = Map(mark=value.mark)
        for key, item in value.items():
            twin[key] = copy(item) if type(item) in COLLECTIONS else item
        twin.keys_at, twin.values_at = dict(value.keys_at), dict(value.values_at)
        return twin
    if type(value) is Seq:
        return Seq((copy(item) if type(item) in COLLECTIONS else item for item in value), value.mark, value.items_at)
    return value


def size(value: Any) -> int:
    """How many values ``value`` is made of."""
    if type(value) is Map:
        return 1 + len(value) + sum(size(item) for item in value.values() if type(item) in COLLECTIONS)
    if type(value) is Seq:
        return 1 + len(value) + sum(size(item) for item in value if type(item) in COLLECTIONS)
    return 1
