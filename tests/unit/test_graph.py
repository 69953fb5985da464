"""The order that dependencies impose."""

from __future__ import annotations

import subprocess
import sys

from orchestrator import graph
from orchestrator.graph import Mood, State, pictures, svg
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
    assert tree == pictures.text(drawing)
    assert '"web" -> "api" [label="service_started"];' in pictures.dot(drawing)
    assert 'n2["web"]' in pictures.mermaid(drawing)
    assert [("api", "db"), ("web", "api")] == [(e.source, e.target) for e in graph.picture(stack, reduced=True).edges]


def shop(states: dict[str, State]) -> graph.Picture:
    stack = builders.stack(
        {
            "db": {},
            "api": {"depends_on": {"db": "healthy"}},
            "we<b": {"depends_on": {"api": "started", "db": "started"}},
        }
    )
    return graph.picture(stack, states=states)


def test_pictures_say_how_services_fare() -> None:
    drawing = shop({"db": State("0/1 unhealthy", Mood.BAD), "api": State("absent", Mood.ABSENT)})
    assert "└── db  service_healthy  0/1 unhealthy" in pictures.text(drawing)
    assert 'label="db\\n0/1 unhealthy"' in pictures.dot(drawing)
    assert '["db<br/>0/1 unhealthy"]' in pictures.mermaid(drawing)
    assert "class n0 bad;" in pictures.mermaid(drawing)


def test_an_svg_has_a_box_for_every_service_and_an_arrow_for_every_edge() -> None:
    import xml.etree.ElementTree as ET

    drawn = ET.fromstring(svg.draw(shop({"db": State("1/1 healthy", Mood.GOOD)})))
    spaces = {"s": "http://www.w3.org/2000/svg"}
    boxes = drawn.findall(".//s:g[@class]", spaces)
    assert {"db", "api", "we<b"} == {box.findtext("s:title", namespaces=spaces) for box in boxes}
    assert 3 == len(drawn.findall(".//s:path[@marker-end]", spaces))
    assert "1/1 healthy" in "".join(drawn.itertext())


def test_boxes_of_an_svg_do_not_overlap_and_arrows_lead_to_the_right() -> None:
    edges = {f"s{n}": tuple(f"s{m}" for m in (n - 1, n - 3, n - 4) if m >= 0) for n in range(12)}
    places = svg.arrange(
        tuple(edges), [(a, b) for a, others in edges.items() for b in others], dict.fromkeys(edges, 80)
    )
    spots = [places[name] for name in edges]
    assert len({(box.x, box.y) for box in spots}) == len(spots)
    assert all(places[a].x < places[b].x for a, others in edges.items() for b in others)
    for one in spots:
        for other in spots:
            assert one is other or one.x != other.x or abs(one.y - other.y) >= svg.HEIGHT


def test_planning_needs_no_heavy_library() -> None:
    """Start-up time: what every command needs must not load networkx, docker, yaml or jsonschema."""
    heavy = ("networkx", "docker", "yaml", "jsonschema", "asyncio", "hashlib")
    program = f"import sys, orchestrator.planner.plan; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
