"""`deploy.placement.constraints` on one host: read, and held against what is known of it.

A text such as ``node.platform.os == linux`` becomes a ``Constraint``; with the facts of a node comes the answer: "" where it
holds, else why not. The rules are Swarm's: names and values are compared without regard to case, a label that is not there
equals nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from orchestrator.records import dataclass, field

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386", "i386": "386"}
_FACTS = {
    "node.id": "id",
    "node.hostname": "hostname",
    "node.role": "role",
    "node.platform.os": "os",
    "node.platform.arch": "arch",
    "node.ip": "address",
}
_LABELS = {"node.labels.": "labels", "engine.labels.": "engine_labels"}
_FORM = re.compile(r"\s*(?P<key>[A-Za-z0-9][A-Za-z0-9_.-]*)\s*(?P<sign>==|!=)\s*(?P<value>\S(?:.*\S)?)\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What is known of the host behind an engine. ``labels`` are a Swarm node's, or the engine's where there is no Swarm."""

    id: str = ""
    hostname: str = "localhost"
    role: str = "manager"
    os: str = "linux"
    arch: str = "amd64"
    address: str = ""
    nano_cpus: int = 0
    memory: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    engine_labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Constraint:
    key: str
    equal: bool
    value: str


def parse(text: str) -> Constraint:
    """The constraint that ``text`` means; ValueError with a message for people."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError("a constraint is written KEY == VALUE or KEY != VALUE")
    key = found["key"]
    if key.lower() not in _FACTS and not any(key.lower().startswith(prefix) for prefix in _LABELS):
        raise ValueError(f"{key} is no fact of a node; known: {', '.join([*_FACTS, *(f'{p}NAME' for p in _LABELS)])}")
    return Constraint(key, found["sign"] == "==", found["value"])


def refusal(constraint: Constraint, node: Node) -> str:
    """Why ``constraint`` does not hold on ``node``; "" where it does."""
    actual = _actual(constraint.key, node)
    if _matches(constraint, actual) == constraint.equal:
        return ""
    if not actual:
        return f"this host has no {constraint.key}"
    return f"{constraint.key} is {actual} on this host"


def _actual(key: str, node: Node) -> str:
    name = key.lower()
    for prefix, attribute in _LABELS.items():
        if name.startswith(prefix):
            labels: Mapping[str, str] = getattr(node, attribute)
            wanted = name.removeprefix(prefix)
            return next((value for label, value in labels.items() if label.lower() == wanted), "")
    fact: str = getattr(node, _FACTS[name])
    return fact


def _matches(constraint: Constraint, actual: str) -> bool:
    if constraint.key.lower() == "node.ip":
        return _is_within(actual, constraint.value)
    if constraint.key.lower() == "node.platform.arch":
        return _architecture(actual) == _architecture(constraint.value)
    return bool(actual) and actual.lower() == constraint.value.lower()


def _architecture(name: str) -> str:
    return _ARCHITECTURES.get(name.lower(), name.lower())


def _is_within(address: str, network: str) -> bool:
    import ipaddress

    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
