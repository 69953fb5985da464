"""Tables keyed by path patterns (``services.*.ports``), made so that a walk over a document consults them for free.

A table becomes a tree; whoever walks a document steps through it beside the document and stops looking where the tree
ends. ``*`` stands for any key and for any item of a list, ``[]`` for any item of a list only. A literal key wins over
``*``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


class Rules(Generic[T]):
    """One place in the tree: the rule for it, if any, and the places below."""

    __slots__ = ("any", "children", "item", "rule")

    def __init__(self) -> None:
        self.rule: T | None = None
        self.children: dict[str, Rules[T]] = {}
        self.any: Rules[T] | None = None
        self.item: Rules[T] | None = None

    def below(self, key: str) -> Rules[T] | None:
        """The rules for what stands under ``key``."""
        return self.children.get(key, self.any)

    def at(self, path: tuple[str | int, ...]) -> Rules[T] | None:
        """The rules for what stands at ``path`` below here."""
        node: Rules[T] | None = self
        for part in path:
            if node is None:
                return None
            node = node.item if isinstance(part, int) else node.below(part)
        return node


def table(rules: Mapping[str, T]) -> Rules[T]:
    """The tree of ``rules``, a mapping of patterns to rules."""
    root: Rules[T] = Rules()
    for pattern, rule in rules.items():
        node = root
        for part in pattern.split("."):
            node = _child(node, part)
        node.rule = rule
    return root


def _child(node: Rules[T], part: str) -> Rules[T]:
    if part == "[]":
        node.item = node.item or Rules()
        return node.item
    if part == "*":
        node.any = node.any or Rules()
        node.item = node.item or node.any
        return node.any
    return node.children.setdefault(part, Rules())
