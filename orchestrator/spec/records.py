"""Frozen dataclasses out of the mappings of a final model, by tables: key of the file -> attribute and conversion.

``Record`` makes one object of one mapping; keys without a row are left to others (``x-*``, or what needs to know more
than its own value). A bad value raises ``BadValue`` with its path; all of them together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from orchestrator.records import MISSING, fields
from orchestrator.spec.values import BadValue

T = TypeVar("T")
Convert = Callable[[Any], Any]


class Row(NamedTuple):
    """The attribute that a key of the file becomes, and how."""

    attribute: str
    convert: Convert


def rows(convert: Convert, keys: str) -> dict[str, Row]:
    """Rows for keys (in one text) that keep their names and share a conversion."""
    return {key: Row(key, convert) for key in keys.split()}


class Record(Generic[T]):
    """A dataclass and its table."""

    __slots__ = ("kind", "table")

    def __init__(self, kind: type[T], table: Mapping[str, Row]) -> None:
        self.kind, self.table = kind, table

    def __call__(self, node: Mapping[str, Any] | None, **given: Any) -> T:
        """The object for ``node``; ``given`` are attributes known from elsewhere."""
        return complete(self.kind, self.table, {**attributes(node or {}, self.table), **given})


def complete(kind: type[T], table: Mapping[str, Row], given: Mapping[str, Any]) -> T:
    """The object of ``given``; what it cannot be without is a bad value where its key would stand.

    A key that the schema requires can still be gone: Compose drops what a variable left empty.
    """
    try:
        return kind(**given)
    except TypeError:
        keys = {row.attribute: key for key, row in table.items()}
        missing = [keys.get(name, name) for name in _required(kind) if name not in given]
        if not missing:
            raise
        raise BadValue(
            problems=[
                ((key,), f"`{key}` is empty", "give it a value, also where its variables have none") for key in missing
            ]
        ) from None


def _required(kind: type[Any]) -> list[str]:
    return [
        each.name for each in fields(kind) if each.init and each.default is MISSING and each.default_factory is MISSING
    ]


def attributes(node: Mapping[str, Any], table: Mapping[str, Row]) -> dict[str, Any]:
    """What the rows make of the members of ``node``, by attribute."""
    found: dict[str, Any] = {}
    problems = []
    for key, value in node.items():
        row = table.get(key)
        if row is None:
            continue
        try:
            found[row.attribute] = row.convert(value)
        except BadValue as bad:
            problems += bad.below(key)
    if problems:
        raise BadValue(problems=problems)
    return found


def each(convert: Callable[[Any], T]) -> Callable[[Any], tuple[T, ...]]:
    """The conversion of a list, item by item."""

    def convert_items(values: Any) -> tuple[T, ...]:
        made, problems = [], []
        for index, value in enumerate(values or ()):
            try:
                made.append(convert(value))
            except BadValue as bad:
                problems += bad.below(index)
        if problems:
            raise BadValue(problems=problems)
        return tuple(made)

    return convert_items


def members(convert: Callable[[Any], T]) -> Callable[[Any], dict[str, T]]:
    """The conversion of a mapping with free keys, value by value."""

    def convert_members(values: Any) -> dict[str, T]:
        made, problems = {}, []
        for key, value in (values or {}).items():
            try:
                made[key] = convert(value)
            except BadValue as bad:
                problems += bad.below(key)
        if problems:
            raise BadValue(problems=problems)
        return made

    return convert_members


def same(value: Any) -> Any:
    """The value as it is: text, a number or a truth value in its final form."""
    return value


def texts(value: Any) -> tuple[str, ...]:
    """A list of texts, or one text."""
    return (value,) if isinstance(value, str) else tuple(value or ())


def pairs(value: Any) -> dict[str, Any]:
    """A mapping of texts without the marks of the document."""
    return dict(value or {})
