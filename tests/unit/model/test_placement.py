"""A constraint holds on a host, or it is said why not."""

from __future__ import annotations

import pytest

from orchestrator.model.placement import Node, parse, refusal

NODE = Node(
    id="n1",
    hostname="Alpha",
    role="manager",
    os="linux",
    arch="x86_64",
    address="10.0.0.7",
    labels={"disk": "ssd"},
    engine_labels={"zone": "north"},
)


@pytest.mark.parametrize(
    "text",
    [
        "node.id==n1",
        "node.id != n2",
        "node.hostname == alpha",
        "NODE.ROLE == Manager",
        "node.platform.os == linux",
        "node.platform.arch == amd64",
        "node.platform.arch == x86_64",
        "node.platform.arch != arm64",
        "node.ip == 10.0.0.0/24",
        "node.ip == 10.0.0.7",
        "node.ip != 10.1.0.0/16",
        "node.labels.disk == SSD",
        "node.labels.gpu != yes",
        "engine.labels.zone == north",
    ],
)
def test_what_holds(text: str) -> None:
    assert refusal(parse(text), NODE) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("node.hostname == beta", "node.hostname is Alpha on this host"),
        ("node.role == worker", "node.role is manager on this host"),
        ("node.role != manager", "node.role is manager on this host"),
        ("node.platform.arch == arm64", "node.platform.arch is x86_64 on this host"),
        ("node.labels.gpu == yes", "this host has no node.labels.gpu"),
        ("engine.labels.disk == ssd", "this host has no engine.labels.disk"),
        ("node.ip == 192.168.0.0/16", "node.ip is 10.0.0.7 on this host"),
    ],
)
def test_what_does_not_hold(text: str, why: str) -> None:
    assert refusal(parse(text), NODE) == why


@pytest.mark.parametrize("text", ["", "node.role", "node.role = manager", "node.role ==", "disk == ssd", "== a"])
def test_what_is_no_constraint(text: str) -> None:
    with pytest.raises(ValueError, match=r"constraint is written|no fact of a node"):
        parse(text)
