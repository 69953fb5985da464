"""The order that dependencies impose."""

from __future__ import annotations

import subprocess
import sys

from orchestrator import graph
from tests.support import builders

EDGES = {"web": ("api", "cache"), "api": ("db",), "cache": (), "db": (), "alone": ()}


def test_each_comes_after_what_it_depends_on() -> None:
    assert (("alone", "cache", "db"), ("api",), ("web",)) == graph.generations(EDGES)
    assert ("alone", "cache", "db", "api", "web") == graph.order(EDGES)


def test_a_target_brings_what_it_needs_and_nothing_else() -> None:
    assert {"api", "db"} == graph.closure(EDGES, ["api"])


def test_dependents_are_the_edges_the_other_way_round() -> None:
    assert {"web": (), "api": ("web",), "cache": ("web",), "db": ("api",), "alone": ()} == graph.dependents(EDGES)


def test_a_cycle_is_a_path_that_ends_where_it_began() -> None:
    found = graph.cycle({"a": ("b",), "b": ("c",), "c": ("a",), "d": ("a",)})
    assert found[0] == found[-1]
    assert {"a", "b", "c"} == set(found)
    assert graph.cycle(EDGES) == ()


def test_pictures() -> None:
    stack = builders.stack(
        {"db": {}, "api": {"depends_on": {"db": "healthy"}}, "web": {"depends_on": {"api": "started", "db": "started"}}}
    )
    drawing = graph.picture(stack)
    tree = """\
web
├── api  service_started
│   └── db  service_healthy
└── db  service_started"""
    assert tree == graph.text(drawing)
    assert '"web" -> "api" [label="service_started"];' in graph.dot(drawing)
    assert 'n2["web"]' in graph.mermaid(drawing)
    assert [("api", "db"), ("web", "api")] == [(e.source, e.target) for e in graph.picture(stack, reduced=True).edges]


def test_planning_needs_no_heavy_library() -> None:
    """Start-up time: what every command needs must not load networkx, docker, yaml or jsonschema."""
    heavy = ("networkx", "docker", "yaml", "jsonschema", "asyncio", "hashlib")
    program = f"import sys, orchestrator.planner.plan; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
