"""``extends``: a service that begins as a copy of another, from the same files or from another file.

The base is settled first (it may extend others), its relative paths start from its own file's directory, ``!reset`` and
``!override`` of the extending document apply to the copy, and the service is merged over it. Chains are followed with a
loop, not by recursion, so that their length is no danger; a circle is shown whole.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator.errors import RuleViolation, SchemaViolation, Where
from orchestrator.records import dataclass
from orchestrator.spec import copies, merge, parse, resets
from orchestrator.spec.document import Map, format_path
from orchestrator.spec.hints import did_you_mean


@dataclass(frozen=True, slots=True)
class Layer:
    """The services among which a base is sought: those of one file, with the tags said beside them."""

    services: Map
    file: str
    tags: tuple[parse.Path, ...]


@dataclass(frozen=True, slots=True)
class _Link:
    """A service of a chain, the layer it is in and the name it has there."""

    name: str
    layer: Layer
    service: Map


LoadLayer = Callable[[str, Where], Layer]
"""Reads the file that an ``extends`` names; the place is that of the name."""


def apply(layer: Layer, load: LoadLayer, account: Callable[[int, Where], None]) -> None:
    """Replace every service that extends another by the two merged. ``account`` hears of every copy's size."""
    for name in list(layer.services):
        base: Any = None
        for link in reversed(_chain(name, layer, load)):
            if base is None:
                base = _settled_base(link, load)
            base = _merged(link, base, account)


def _chain(name: str, layer: Layer, load: LoadLayer) -> list[_Link]:
    """The services from ``name`` on that extend another, each the base of the one before."""
    links: list[_Link] = []
    seen: dict[tuple[int, str], int] = {}
    while True:
        service = layer.services.get(name)
        if not isinstance(service, Map) or "extends" not in service:
            return links
        key = (id(layer.services), name)
        if key in seen:
            raise _circle([*links[seen[key] :], links[seen[key]]])
        seen[key] = len(links)
        links.append(_Link(name, layer, service))
        name, layer = _base(links[-1], load)


def _settled_base(link: _Link, load: LoadLayer) -> Any:
    name, layer = _base(link, load)
    return layer.services[name]


def _merged(link: _Link, base: Any, account: Callable[[int, Where], None]) -> Any:
    """The service of ``link`` over a copy of ``base``, put in its place."""
    service = link.service
    if not isinstance(base, Map):
        service.pop("extends", None)
        return service
    account(copies.size(base), Where(*service.mark_of("extends"), f"services.{link.name}.extends"))
    copied = copies.copy(base)
    resets.apply_tags(Map((("services", Map(((link.name, copied),))),)), link.layer.tags)
    merged = merge.merge_at(copied, service, ("services", link.name), service.mark)
    merged.pop("extends", None)
    merged.mark = service.mark
    link.layer.services[link.name] = merged
    return merged


def _base(link: _Link, load: LoadLayer) -> tuple[str, Layer]:
    """The name of the service that ``link`` extends, and the layer it is in."""
    extends = link.service["extends"]
    path = ("services", link.name, "extends")
    where = Where(*link.service.mark_of("extends"), format_path(path))
    name, layer = extends, link.layer
    if isinstance(extends, Map):
        name, file = extends.get("service"), extends.get("file")
        if isinstance(file, str):
            layer = load(file, Where(*extends.mark_of("file"), format_path((*path, "file"))))
    if not isinstance(name, str):
        raise SchemaViolation("extends must name a service", where=where, hint="write extends: {service: NAME}")
    if name not in layer.services:
        raise RuleViolation(
            f"the service {link.name} extends {name}, which {layer.file} does not define",
            where=where,
            hint=did_you_mean(name, layer.services),
            reference="extends-unknown",
        )
    return name, layer


def _circle(links: list[_Link]) -> RuleViolation:
    first = links[0]
    return RuleViolation(
        "services extend each other in a circle: " + " -> ".join(link.name for link in links),
        where=Where(*first.service.mark_of("extends"), f"services.{first.name}.extends"),
        hint="take one extends out of the circle",
        reference="extends-cycle",
    )
