"""The order that dependencies impose on services: who comes first, what belongs to a target, where a cycle runs, and pictures.

A ``Stack`` (or any mapping of names to the names they depend on) comes in. Orders and closures are computed here with dicts,
because every command needs them; cycles and pictures, which few commands need, are left to networkx, loaded only then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from orchestrator.model.stack import Stack
from orchestrator.records import dataclass

if TYPE_CHECKING:
    import networkx as nx

Edges = Mapping[str, Iterable[str]]


def dependencies(stack: Stack) -> dict[str, tuple[str, ...]]:
    """Each enabled service with the enabled services it depends on."""
    return {
        name: tuple(sorted(other for other in service.depends_on if other in stack.services))
        for name, service in sorted(stack.services.items())
    }


def dependents(edges: Edges) -> dict[str, tuple[str, ...]]:
    """The same edges the other way round: each name with those that depend on it."""
    result: dict[str, list[str]] = {name: [] for name in edges}
    for name in sorted(edges):
        for other in edges[name]:
            result.setdefault(other, []).append(name)
    return {name: tuple(others) for name, others in result.items()}


def closure(edges: Edges, targets: Iterable[str]) -> frozenset[str]:
    """The targets and everything that they depend on, directly or through others."""
    found: set[str] = set()
    waiting = list(targets)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(edges.get(name, ()))
    return frozenset(found)


def generations(edges: Edges) -> tuple[tuple[str, ...], ...]:
    """Names in layers: each layer depends only on the ones before it. Names on a cycle, and what depends on them, are left out."""
    missing = {name: {other for other in others if other in edges} for name, others in edges.items()}
    reverse = dependents(edges)
    layer = sorted(name for name, others in missing.items() if not others)
    layers: list[tuple[str, ...]] = []
    while layer:
        layers.append(tuple(layer))
        following = []
        for name in layer:
            for dependent in reverse.get(name, ()):
                missing[dependent].discard(name)
                if not missing[dependent]:
                    following.append(dependent)
        layer = sorted(set(following))
    return tuple(layers)


def order(edges: Edges) -> tuple[str, ...]:
    """Names so that each comes after those it depends on; the same input always gives the same order."""
    return tuple(name for layer in generations(edges) for name in layer)


def cycle(edges: Edges) -> tuple[str, ...]:
    """A dependency cycle as a path that ends where it began (``a, b, a``); empty where there is none."""
    if sum(len(layer) for layer in generations(edges)) == len(edges):
        return ()
    import networkx as nx

    steps = nx.find_cycle(_digraph(edges))
    return (*(step[0] for step in steps), steps[0][0])


@dataclass(frozen=True, slots=True)
class Edge:
    """``source`` depends on ``target``; ``label`` says how (the condition)."""

    source: str
    target: str
    label: str = ""
    required: bool = True


@dataclass(frozen=True, slots=True)
class Picture:
    """What ``stack graph`` draws: services in the order they start, and who waits for whom."""

    nodes: tuple[str, ...]
    edges: tuple[Edge, ...]


def picture(stack: Stack, *, reduced: bool = False) -> Picture:
    """The dependencies of ``stack``; ``reduced`` leaves out edges that follow from others."""
    edges = dependencies(stack)
    kept = _reduction(edges) if reduced else {(name, other) for name, others in edges.items() for other in others}
    return Picture(
        nodes=order(edges),
        edges=tuple(
            Edge(name, other, how.condition.value, how.required)
            for name in sorted(edges)
            for other, how in sorted(stack.services[name].depends_on.items())
            if (name, other) in kept
        ),
    )


def text(drawing: Picture) -> str:
    """A tree for the terminal: who nobody depends on stands at the left, what it needs below it."""
    below: dict[str, list[Edge]] = {name: [] for name in drawing.nodes}
    for edge in drawing.edges:
        below[edge.source].append(edge)
    needed = {edge.target for edge in drawing.edges}
    lines: list[str] = []
    shown: set[str] = set()
    for root in reversed([name for name in drawing.nodes if name not in needed]):
        lines.append(root)
        _branches(root, "", below, shown, lines)
    return "\n".join(lines)


def dot(drawing: Picture) -> str:
    """The picture for Graphviz."""
    lines = ["digraph stack {", "  rankdir=LR;"]
    lines += [f"  {_quoted(name)};" for name in drawing.nodes]
    for edge in drawing.edges:
        style = "" if edge.required else ", style=dashed"
        lines.append(f"  {_quoted(edge.source)} -> {_quoted(edge.target)} [label={_quoted(edge.label)}{style}];")
    return "\n".join([*lines, "}"])


def mermaid(drawing: Picture) -> str:
    """The picture for Mermaid, as Markdown readers draw it."""
    numbers = {name: f"n{number}" for number, name in enumerate(drawing.nodes)}
    lines = ["graph LR", *(f'  {numbers[name]}["{name}"]' for name in drawing.nodes)]
    for edge in drawing.edges:
        arrow = "-->" if edge.required else "-.->"
        lines.append(f"  {numbers[edge.source]} {arrow}|{edge.label}| {numbers[edge.target]}")
    return "\n".join(lines)


def _branches(name: str, indent: str, below: Mapping[str, list[Edge]], shown: set[str], lines: list[str]) -> None:
    if name in shown:
        return  # drawn in full where it first stood
    shown.add(name)
    for number, edge in enumerate(below[name]):
        last = number == len(below[name]) - 1
        again = " (above)" if edge.target in shown and below[edge.target] else ""
        lines.append(f"{indent}{'└── ' if last else '├── '}{edge.target}  {edge.label}{again}")
        _branches(edge.target, indent + ("    " if last else "│   "), below, shown, lines)


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _digraph(edges: Edges) -> nx.DiGraph[str]:
    import networkx as nx

    result: nx.DiGraph[str] = nx.DiGraph()
    result.add_nodes_from(sorted(edges))
    result.add_edges_from((name, other) for name in sorted(edges) for other in edges[name])
    return result


def _reduction(edges: Edges) -> set[tuple[str, str]]:
    import networkx as nx

    return set(nx.transitive_reduction(_digraph(edges)).edges)
