"""Aligned columns, spaced as Docker's tables are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.cli.render import safe, width

GAP, NARROWEST = 3, 10


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, narrowest: int = NARROWEST, gap: int = GAP) -> str:
    """The whole table, one line a row; cells are made harmless and put on one line."""
    lines = [list(headings), *([safe.one_line(cell) for cell in row] for row in rows)]
    columns = [max(narrowest, gap + max(width.of(line[at]) for line in lines)) for at in range(len(headings) - 1)]
    return "".join(_line(line, columns) for line in lines)


def _line(cells: Sequence[str], columns: Sequence[int]) -> str:
    padded = [width.pad(cell, size) for cell, size in zip(cells, columns, strict=False)]
    return "".join([*padded, cells[-1]]).rstrip() + "\n"
