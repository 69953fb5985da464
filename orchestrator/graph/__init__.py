"""The order that dependencies impose on services: who comes first, what belongs to a target, where a cycle runs, and pictures.

A ``Stack`` (or any mapping of names to the names they depend on) comes in. Orders and closures are computed here with dicts,
because every command needs them; cycles and reductions, which few commands need, are left to networkx, loaded only then.
``pictures`` and ``svg`` draw.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from orchestrator.model.stack import Stack
from orchestrator.records import dataclass, field

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


class Mood(StrEnum):
    """How a service fares, for colours; the words beside it say the same."""

    GOOD = "good"
    WAITING = "waiting"
    BAD = "bad"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class State:
    """A service as it is now, in a few words: ``2/2 healthy``."""

    words: str
    mood: Mood


@dataclass(frozen=True, slots=True)
class Picture:
    """What ``stack graph`` draws: services in the order they start, who waits for whom, and how they fare (if known)."""

    nodes: tuple[str, ...]
    edges: tuple[Edge, ...]
    states: Mapping[str, State] = field(default_factory=dict)


def picture(stack: Stack, *, reduced: bool = False, states: Mapping[str, State] | None = None) -> Picture:
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
        states=states or {},
    )


def _digraph(edges: Edges) -> nx.DiGraph[str]:
    import networkx as nx

    result: nx.DiGraph[str] = nx.DiGraph()
    result.add_nodes_from(sorted(edges))
    result.add_edges_from((name, other) for name in sorted(edges) for other in edges[name])
    return result


def _reduction(edges: Edges) -> set[tuple[str, str]]:
    import networkx as nx

    return set(nx.transitive_reduction(_digraph(edges)).edges)
