"""Refuses documents that would cost too much, while they are read and before anything is built from them.

The parser tells the guard of every value, every level and every alias it meets in libyaml's event stream. An alias
counts as everything behind it, so that a few hundred bytes which stand for millions of values ("billion laughs",
bombs of merge keys) are refused when the sum passes the limit, not after it was written out. Depth is bounded for the
same reason: everything later may walk a document recursively.
"""

from __future__ import annotations

from orchestrator.errors import Where
from orchestrator.spec.limits import Limits, exceeded


class Guard:
    """The running account of one file: nodes so far and the limits they are held to."""

    __slots__ = ("_depth", "_nodes", "limits", "nodes")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.nodes = 0
        self._nodes = limits.nodes
        self._depth = limits.depth

    def bytes(self, count: int, file: str) -> None:
        """Refuse a file of more than the allowed bytes."""
        if count > self.limits.file_bytes:
            raise exceeded("file_bytes", self.limits.file_bytes, Where(file))

    def add(self, count: int, file: str, line: int, column: int) -> None:
        """Account for ``count`` further values found at a place."""
        self.nodes += count
        if self.nodes > self._nodes:
            raise exceeded("nodes", self._nodes, Where(file, line, column))

    def document(self, count: int, file: str, line: int, column: int) -> None:
        """Refuse more documents in one file than allowed: each is merged and checked as a whole."""
        if count > self.limits.documents:
            raise exceeded("documents", self.limits.documents, Where(file, line, column))

    def level(self, depth: int, file: str, line: int, column: int) -> None:
        """Refuse nesting beyond the allowed depth."""
        if depth > self._depth:
            raise exceeded("depth", self._depth, Where(file, line, column))
