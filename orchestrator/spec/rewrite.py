"""A document rewritten by a tree of rules: what the short forms and the canonical values are written in.

A rule takes a value and returns the value that takes its place: itself where nothing changes.
``fields``, ``each`` and ``members`` make rules for mappings and lists out of rules for what is in them. Nothing
is changed in place (an anchor's value may stand in several places), and every new value keeps the mark of what it was
made from. All bad values of a document are found in one walk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.errors import SchemaViolation, SpecError
from orchestrator.spec.document import NOWHERE, Map, Mark, Seq, where
from orchestrator.spec.values import BadValue

Rule = Callable[[Any], Any]


def rewrite(document: Map, rule: Rule, error: type[SpecError] = SchemaViolation) -> Map:
    """``document`` as ``rule`` makes it; every bad value as an error at its place, the first raised with the others."""
    try:
        result: Map = rule(document)
    except BadValue as bad:
        raise as_error(document, bad, error) from None
    return result


def as_error(document: Any, bad: BadValue, error: type[SpecError] = SchemaViolation) -> SpecError:
    """The problems of ``bad`` in the order of the file, the first with the others in it."""
    found = [
        error(message, where=where(document, path), hint=hint, reference="invalid-value")
        for path, message, hint in bad.problems
    ]
    found.sort(key=lambda item: (item.where.line, item.where.column) if item.where else (0, 0))
    first, *others = found
    return error(first.message, where=first.where, hint=first.hint, reference=first.ref, others=others)


def copy_of(node: Map) -> Map:
    """A mapping of its own with the same members and marks."""
    copied = Map(node.items(), node.mark)
    copied.keys_at, copied.values_at = node.keys_at.copy(), node.values_at.copy()
    return copied


def replace(node: Map, changes: Mapping[str, Any]) -> Map:
    """``node`` with some members replaced; their marks stay."""
    changed = copy_of(node)
    for key, value in changes.items():
        changed[key] = marked(value, changed.values_at.get(key, changed.mark))
    return changed


def marked(value: Any, mark: Mark) -> Any:
    """``value`` with ``mark`` if it is a new mapping or list that has none."""
    if isinstance(value, (Map, Seq)) and value.mark is NOWHERE:
        value.mark = mark
    return value


def fields(rules: Mapping[str, Rule]) -> Rule:
    """For a mapping with fixed keys: each key's own rule; keys without one stay."""

    def rewrite_fields(node: Any) -> Any:
        if not isinstance(node, Map):
            return node
        changes: dict[str, Any] = {}
        problems = []
        for key, value in node.items():
            rule = rules.get(key)
            if rule is None:
                continue
            try:
                changed = rule(value)
            except BadValue as bad:
                problems += bad.below(key)
                continue
            if changed is not value:
                changes[key] = changed
        if problems:
            raise BadValue(problems=problems)
        return replace(node, changes) if changes else node

    return rewrite_fields


def members(rule: Rule) -> Rule:
    """For a mapping with free keys: one rule for all its values."""

    def rewrite_members(node: Any) -> Any:
        if not isinstance(node, Map):
            return node
        return fields(dict.fromkeys(node, rule))(node)

    return rewrite_members


def each(rule: Rule) -> Rule:
    """For a list: one rule for all its items."""

    def rewrite_items(node: Any) -> Any:
        if not isinstance(node, list):
            return node
        items, problems = [], []
        for index, value in enumerate(node):
            try:
                items.append(rule(value))
            except BadValue as bad:
                problems += bad.below(index)
        if problems:
            raise BadValue(problems=problems)
        if all(new is old for new, old in zip(items, node, strict=True)):
            return node
        return _rebuilt(node, [[item] for item in items])

    return rewrite_items


def spread(rule: Callable[[Any], list[Any]]) -> Rule:
    """For a list whose items may stand for several: a rule that gives the items to take the place of one."""

    def rewrite_items(node: Any) -> Any:
        if not isinstance(node, list):
            return node
        groups, problems = [], []
        for index, value in enumerate(node):
            try:
                groups.append(rule(value))
            except BadValue as bad:
                problems += bad.below(index)
        if problems:
            raise BadValue(problems=problems)
        return _rebuilt(node, groups)

    return rewrite_items


def _rebuilt(node: list[Any], groups: list[list[Any]]) -> Seq:
    places = node if isinstance(node, Seq) else Seq()
    rebuilt = Seq(mark=places.mark)
    for index, group in enumerate(groups):
        mark = places.mark_of(index)
        for value in group:
            rebuilt.add(marked(value, mark), mark)
    return rebuilt
