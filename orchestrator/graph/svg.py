"""A dependency graph as an SVG picture: who depends on others stands left of them, arrows go where the dependency goes.

A small layered layout of our own: services in columns by their distance from those that need nothing, edges over several
columns led between the boxes, and the order within columns improved by the mean place of the neighbours.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise

from orchestrator import graph
from orchestrator.graph import Edge, Picture, State
from orchestrator.graph.pictures import COLOURS
from orchestrator.records import dataclass

HEIGHT, GAP, MARGIN = 44, 22, 20
COLUMN_GAP = 150  # room for the words on the arrows
CHARACTER = 7.4
SWEEPS = 6

_STYLE = (
    "text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#222}.name{font-weight:bold}"
    ".label{font-size:10px;fill:#555;stroke:#fff;stroke-width:3px;paint-order:stroke}"
    "rect{stroke:#555;stroke-width:1}path{fill:none;stroke:#777;stroke-width:1.3}.optional{stroke-dasharray:5 4}"
)
_ARROW_HEAD = (
    '<defs><marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<polygon points="0,0 8,4 0,8" fill="#777"/></marker></defs>'
)


@dataclass(slots=True)
class Box:
    """The place of a service, or of a bend in a long edge (width 0)."""

    x: float = 0
    y: float = 0
    width: float = 0


def draw(drawing: Picture) -> str:
    """The whole picture."""
    widths = {name: _width(name, drawing.states.get(name)) for name in drawing.nodes}
    pairs = [(edge.source, edge.target) for edge in drawing.edges]
    places = arrange(drawing.nodes, pairs, widths)
    right = max((box.x + box.width for box in places.values()), default=0) + MARGIN
    bottom = max((box.y for box in places.values()), default=0) + HEIGHT + MARGIN
    size = f'width="{right:.0f}" height="{bottom:.0f}" viewBox="0 0 {right:.0f} {bottom:.0f}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>',
        f"<style>{_STYLE}</style>",
        _ARROW_HEAD,
        f'<rect width="{right:.0f}" height="{bottom:.0f}" style="fill:#fff;stroke:none"/>',
        *(_arrow(edge, places) for edge in drawing.edges),
        *(_box(name, places[name], drawing.states.get(name)) for name in drawing.nodes),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def arrange(nodes: Sequence[str], pairs: Iterable[tuple[str, str]], widths: Mapping[str, float]) -> dict[str, Box]:
    """A box for every node, and bends (``a>b:1``) for edges that pass columns by."""
    edges: dict[str, list[str]] = {name: [] for name in nodes}
    for source, target in pairs:
        edges[source].append(target)
    layers = graph.generations(edges)
    depth = {name: number for number, layer in enumerate(layers) for name in layer}
    columns: list[list[str]] = [list(layer) for layer in layers]
    neighbours = _with_bends(edges, depth, columns)
    _untangle(columns, neighbours)
    return _placed(columns, widths)


def _with_bends(
    edges: Mapping[str, list[str]], depth: Mapping[str, int], columns: list[list[str]]
) -> dict[str, list[str]]:
    """Put a bend into every column that an edge passes; returns who is tied to whom in the columns beside."""
    tied: dict[str, list[str]] = {name: [] for name in edges}
    for source, targets in edges.items():
        for target in targets:
            path = [source, *bends(source, target, depth[source] - depth[target] - 1), target]
            for number, bend in enumerate(path[1:-1], start=1):
                columns[depth[source] - number].append(bend)
                tied[bend] = []
            for one, other in pairwise(path):
                tied[one].append(other)
                tied[other].append(one)
    return tied


def bends(source: str, target: str, count: int) -> list[str]:
    return [f"{source}>{target}:{number}" for number in range(1, count + 1)]


def _untangle(columns: list[list[str]], tied: Mapping[str, list[str]]) -> None:
    """Sort each column by the mean place of the neighbours in the column looked at before."""
    for sweep in range(SWEEPS):
        order = range(1, len(columns)) if sweep % 2 == 0 else range(len(columns) - 2, -1, -1)
        for at in order:
            beside = columns[at - 1] if sweep % 2 == 0 else columns[at + 1]
            rank = {name: place for place, name in enumerate(beside)}
            means = {}
            for place, name in enumerate(columns[at]):
                found = [rank[other] for other in tied[name] if other in rank]
                means[name] = sum(found) / len(found) if found else place
            columns[at].sort(key=means.__getitem__)


def _placed(columns: list[list[str]], widths: Mapping[str, float]) -> dict[str, Box]:
    tallest = max((len(column) for column in columns), default=0)
    places: dict[str, Box] = {}
    x = float(MARGIN)
    for column in reversed(columns):
        wide = max((widths.get(name, 0) for name in column), default=0)
        top = MARGIN + (tallest - len(column)) * (HEIGHT + GAP) / 2
        for row, name in enumerate(column):
            width = widths.get(name, 0)
            places[name] = Box(x if width else x + wide / 2, top + row * (HEIGHT + GAP), width)
        x += wide + COLUMN_GAP
    return places


def _arrow(edge: Edge, places: Mapping[str, Box]) -> str:
    """A curve through the bends, with the condition beside its beginning."""
    source, target = places[edge.source], places[edge.target]
    points = [(source.x + source.width, source.y + HEIGHT / 2)]
    number = 1
    while (bend := places.get(f"{edge.source}>{edge.target}:{number}")) is not None:
        points.append((bend.x, bend.y + HEIGHT / 2))
        number += 1
    points.append((target.x, target.y + HEIGHT / 2))
    path = f"M{points[0][0]:.1f},{points[0][1]:.1f}"
    for (x, y), (next_x, next_y) in pairwise(points):
        middle = (x + next_x) / 2
        path += f" C{middle:.1f},{y:.1f} {middle:.1f},{next_y:.1f} {next_x:.1f},{next_y:.1f}"
    kind = "" if edge.required else ' class="optional"'
    (x, y), (next_x, next_y) = points[-2:]
    at_x, at_y = (x + next_x) / 2, (y + next_y) / 2 - 5
    return (
        f'<path d="{path}"{kind} marker-end="url(#end)"/>'
        f'<text class="label" x="{at_x:.1f}" y="{at_y:.1f}" text-anchor="middle">{escape(edge.label)}</text>'
    )


def _box(name: str, box: Box, state: State | None) -> str:
    middle = box.x + box.width / 2
    fill = COLOURS[state.mood] if state else "#ffffff"
    lines = [f'<text class="name" x="{middle:.1f}" y="{box.y + (19 if state else 27):.1f}" text-anchor="middle">']
    lines.append(f"{escape(name)}</text>")
    if state:
        lines.append(f'<text x="{middle:.1f}" y="{box.y + 35:.1f}" text-anchor="middle">{escape(state.words)}</text>')
    rectangle = (
        f'<rect x="{box.x:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" height="{HEIGHT}" rx="6" style="fill:{fill}"/>'
    )
    kind = state.mood.value if state else "service"
    return f'<g class="{kind}"><title>{escape(name)}</title>{rectangle}{"".join(lines)}</g>'


def _width(name: str, state: State | None) -> float:
    longest = max(_columns(name), _columns(state.words) if state else 0)
    return longest * CHARACTER + 26


def _columns(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
