"""Rules about names: what a service refers to exists, is active, and does not lead back to itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from orchestrator.spec.cycles import cycles
from orchestrator.spec.document import Map
from orchestrator.spec.hints import did_you_mean, listing, quoted
from orchestrator.spec.project import Finding, Project, Seen, ServiceRule
from orchestrator.spec.values import Path

NAMESPACES = ("network_mode", "ipc", "pid", "uts", "cgroup")


def networks(seen: Seen) -> Iterator[Finding]:
    known = seen.project.section("networks")
    for network in seen.block("networks"):
        if network not in known:
            yield ("networks", network), *_undefined("network", network, known, seen)


def volumes(seen: Seen) -> Iterator[Finding]:
    known = seen.project.section("volumes")
    for index, mount in seen.items("volumes"):
        source = mount.get("source")
        if source and mount.get("type") == "volume" and source not in known:
            yield ("volumes", index), *_undefined("volume", source, known, seen)


def models(seen: Seen) -> Iterator[Finding]:
    known = seen.project.section("models")
    for model in seen.block("models"):
        if model not in known:
            yield ("models", model), *_undefined("model", model, known, seen)


def grants(kind: str, *path: str) -> ServiceRule:
    """The rule for a list of configs or secrets at ``path``."""

    def rule(seen: Seen) -> Iterator[Finding]:
        known = seen.project.section(f"{kind}s")
        for index, grant in seen.items(*path):
            source = grant.get("source")
            if not source:
                yield (*path, index), f"this {kind} has no source", f"add `source:` with a name from `{kind}s:`"
            elif source not in known:
                yield (*path, index), *_undefined(kind, source, known, seen)

    return rule


def _undefined(kind: str, name: str, known: Iterable[str], seen: Seen) -> tuple[str, str]:
    hint = did_you_mean(name, known) or f"declare it below `{kind}s:` at the top level of the file"
    return f"service {quoted(seen.name)} uses the {kind} {quoted(name)}, which is not defined", hint


def dependencies(seen: Seen) -> Iterator[Finding]:
    written = seen.service["depends_on"]
    for other, dependency in written.items():
        optional = other in seen.project.disabled and not dependency.get("required", True)
        if other not in seen.project.services and not optional:
            yield _written_at(seen.service, other), *_missing_service(seen, other)


def _missing_service(seen: Seen, other: str) -> tuple[str, str]:
    project = seen.project
    if other in project.disabled:
        profiles = listing([quoted(profile) for profile in project.disabled[other].get("profiles") or ()], "or")
        message = f"service {quoted(seen.name)} needs {quoted(other)}, whose profile is not active"
        return message, f"use the profile {profiles}, or write `required: false`"
    hint = did_you_mean(other, [*project.services, *project.disabled]) or "check the name, or remove this line"
    return f"service {quoted(seen.name)} depends on {quoted(other)}, which is not defined", hint


def _written_at(service: Map, other: str) -> Path:
    """Where the file says that ``service`` needs ``other``: in `depends_on`, or in a field that implies it."""
    mark = service["depends_on"].keys_at.get(other)
    for name, path, place in implied(service):
        if name == other and place == mark:
            return path
    return ("depends_on", other)


def implied(service: Map) -> Iterator[tuple[str, Path, Any]]:
    """The services that other fields make this one depend on, the path of the field and its mark."""
    for key in NAMESPACES:
        owner = service.get(key)
        if isinstance(owner, str) and owner.startswith("service:"):
            yield owner.removeprefix("service:"), (key,), service.mark_of(key)
    for key in ("links", "volumes_from"):
        for index, text in enumerate(service.get(key) or ()):
            yield text.partition(":")[0], (key, index), service[key].mark_of(index)


def build_contexts(seen: Seen) -> Iterator[Finding]:
    project = seen.project
    for context, source in (seen.at("build", "additional_contexts") or {}).items():
        prefix, _, other = str(source).partition(":")
        if prefix != "service":
            continue
        path: Path = ("build", "additional_contexts", context)
        target = project.services.get(other) or project.disabled.get(other)
        if target is None:
            hint = did_you_mean(other, project.services) or "check the name"
            yield path, f"the build of {quoted(seen.name)} uses service {quoted(other)}, which is not defined", hint
        elif "build" not in target:
            message = f"the build of {quoted(seen.name)} uses service {quoted(other)}, which is not built"
            yield path, message, f"give {quoted(other)} a `build`, or write docker-image://IMAGE here"


def dependency_cycles(project: Project) -> Iterator[Finding]:
    edges = {
        name: [other for other in service.get("depends_on") or () if other in project.services]
        for name, service in project.services.items()
    }
    for cycle in cycles(edges):
        drawn = " -> ".join([*cycle, cycle[0]])
        path = _written_at(project.services[cycle[0]], cycle[1 % len(cycle)])
        message = f"services depend on each other in a circle: {drawn}"
        yield ("services", cycle[0], *path), message, "remove one of these dependencies"


def build_cycles(project: Project) -> Iterator[Finding]:
    edges = {name: list(_contexts(service)) for name, service in project.services.items() if "build" in service}
    for cycle in cycles({name: [other for other in wanted if other in edges] for name, wanted in edges.items()}):
        drawn = " -> ".join([*cycle, cycle[0]])
        key = _contexts(project.services[cycle[0]])[cycle[1 % len(cycle)]]
        message = f"services are built out of each other in a circle: {drawn}"
        yield ("services", cycle[0], "build", "additional_contexts", key), message, "remove one of these contexts"


def _contexts(service: Map) -> dict[str, str]:
    """The services that a build takes files from, and the name it gives each."""
    build = service.get("build")
    contexts = build.get("additional_contexts") if isinstance(build, Map) else None
    named = contexts.items() if isinstance(contexts, Map) else ()
    return {str(source).removeprefix("service:"): key for key, source in named if str(source).startswith("service:")}
