"""Rules about what no request shows: how much a stack is, what it refers to beyond itself, and labels before ours are added."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from orchestrator.admission import containers, images, labels, paths
from orchestrator.admission.judging import Judge, shown
from orchestrator.admission.rules import Violation
from orchestrator.model.admission import REPLICAS, SERVICES
from orchestrator.model.stack import Service, Stack
from orchestrator.records import dataclass
from orchestrator.spec.contents import in_store
from orchestrator.spec.document import Map

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Placed:
    """A violation and the path that it is about."""

    path: Path
    violation: Violation


def violations(judge: Judge, stack: Stack, model: Map | None) -> Iterator[Placed]:
    """All that there are. ``model`` is the canonical one that the stack was made from."""
    yield from _signature(judge)
    yield from _limits(judge, stack)
    yield from _external(judge, stack, model or Map())
    yield from _files(judge, stack)
    for service in stack.services.values():
        if service.front_end is None:
            yield from _of_service(judge, service)
    for section, things in (("networks", stack.networks), ("volumes", stack.volumes)):
        for key, thing in things.items():
            yield from _labels(judge, (section, key, "labels"), thing.labels)


def _placed(judge: Judge, path: Path) -> Iterator[Placed]:
    """What the judge has found since, at ``path``."""
    found, judge.found = judge.found, []
    return iter([Placed(path, one) for one in found])


def _signature(judge: Judge) -> Iterator[Placed]:
    if judge.grants.prod and not judge.setting.verified:
        judge.refuse(
            "signature", "verify", "off", "profile prod runs only what is signed: `verify` of its source is off"
        )
    return _placed(judge, ())


def _limits(judge: Judge, stack: Stack) -> Iterator[Placed]:
    grants = judge.grants
    own = [service for service in stack.services.values() if service.front_end is None]
    most = grants.services or SERVICES
    if len(own) > most:
        judge.refuse("limits", "services", len(own), f"{len(own)} services are more than the {most} permitted")
        yield from _placed(judge, ("services",))
    most, count = grants.replicas or REPLICAS, 0
    for service in own:
        count += service.replicas
        if count > most:
            judge.refuse(
                "limits", "replicas", count, f"with {service.name} there are {count} replicas, {most} are permitted"
            )
            yield from _placed(judge, ("services", service.name, "deploy", "replicas"))
            return


def _external(judge: Judge, stack: Stack, model: Map) -> Iterator[Placed]:
    for kind, things in (("network", stack.networks), ("volume", stack.volumes)):
        granted = judge.grants.networks if kind == "network" else judge.grants.volumes
        for key, thing in things.items():
            if thing.external and thing.name not in granted and judge.world.owner(kind, thing.name) != stack.name:
                what = f"{kind} {shown(thing.name)} is not this stack's own"
                rule = "host-network" if kind == "network" and thing.name == "host" else f"foreign-{kind}"
                judge.refuse(rule, "external", thing.name, what)
                yield from _placed(judge, (f"{kind}s", key, "external"))
    for section in ("secrets", "configs"):
        for key, thing in (model.get(section) or {}).items():
            name = str((thing or {}).get("name") or key)
            if in_store(thing or {}) is not None:
                continue  # stores are granted to sources by `secret_stores`
            if (thing or {}).get("external") and not {name, key}.intersection(judge.grants.secrets):
                judge.refuse("foreign-secret", "external", name, f"{shown(name)} is the host's, not this stack's own")
                yield from _placed(judge, (section, key, "external"))


def _files(judge: Judge, stack: Stack) -> Iterator[Placed]:
    """Every file that the spec was made from is in the checkout."""
    if not judge.setting.roots:
        return
    for path in stack.sources:
        if path not in judge.setting.lent and os.path.lexists(path) and not paths.contained(judge, path):
            judge.refuse("file-outside", "file", path, f"{shown(path)} is outside the checkout")
            yield from _placed(judge, ())


def _of_service(judge: Judge, service: Service) -> Iterator[Placed]:
    base: Path = ("services", service.name)
    yield from _labels(judge, (*base, "labels"), service.container.labels)
    if service.build is not None:
        yield from _labels(judge, (*base, "build", "labels"), service.build.labels)
    if service.adopt:
        judge.refuse("adopt", "adopt", service.container_name, "it takes over a container that belongs to no stack")
        yield from _placed(judge, (*base, "x-stack", "adopt"))
    for index, hook in enumerate(service.pre_start):
        if containers.is_root(hook.user) and not containers.is_root(service.container.user):
            judge.refuse("hook-user", "user", hook.user, f"the hook runs as {hook.user}, its service does not")
            yield from _placed(judge, (*base, "pre_start", index, "user"))
    for path, image in _helpers(service):
        images.look(judge, "image", image)
        yield from _placed(judge, (*base, *path))


def _helpers(service: Service) -> Iterator[tuple[Path, str]]:
    """Images that are run on a service's behalf."""
    if service.front:
        yield ("x-stack",), service.front_image
    if service.probe is not None:
        yield ("x-stack",), service.probe.image


def _labels(judge: Judge, path: Path, given: Mapping[str, str]) -> Iterator[Placed]:
    for name in given:
        if labels.is_reserved(judge, name):
            judge.refuse("reserved-label", "labels", name, f"the label {shown(name)} is reserved")
            yield from _placed(judge, (*path, name))
