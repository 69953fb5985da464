"""Do the fields of a complete model go together? What the schema cannot say: references, contradictions, cycles.

In come the final model of the enabled services and the services of inactive profiles; all problems come out together,
each at its place and with its own reference. A rule is a small function that yields what it finds and a row in one of
the two tables. What is worth a warning only is found in ``advice``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.errors import RuleViolation
from orchestrator.spec import characters, contradictions, references
from orchestrator.spec.document import Map, where
from orchestrator.spec.project import Project, ProjectRule, Seen, ServiceRule

MAX_REPORTED = 50

# (reference, the keys without any of which the rule has nothing to say, rule)
SERVICE_RULES: tuple[tuple[str, tuple[str, ...], ServiceRule], ...] = (
    ("undefined-network", ("networks",), references.networks),
    ("undefined-volume", ("volumes",), references.volumes),
    ("undefined-config", ("configs",), references.grants("config", "configs")),
    ("undefined-secret", ("secrets",), references.grants("secret", "secrets")),
    ("undefined-secret", ("build",), references.grants("secret", "build", "secrets")),
    ("undefined-model", ("models",), references.models),
    ("undefined-service", ("depends_on",), references.dependencies),
    ("undefined-service", ("build",), references.build_contexts),
    ("two-dockerfiles", ("build",), contradictions.dockerfiles),
    ("platform-not-built", ("build",), contradictions.platforms),
    ("network-mode-and-networks", ("network_mode",), contradictions.network_mode),
    ("healthcheck-test", ("healthcheck",), contradictions.health_test),
    ("replicas", ("scale", "deploy"), contradictions.replicas),
    ("limits-differ", ("deploy",), contradictions.limits),
    ("invalid-port", ("ports",), contradictions.published_ports),
    ("invalid-mount", ("volumes",), contradictions.mounts),
    ("mounted-twice", ("volumes", "tmpfs"), contradictions.mounted_twice),
    ("invalid-device", ("devices",), contradictions.devices),
    ("invalid-device-request", ("gpus", "deploy"), contradictions.device_requests),
    ("front-end", ("deploy",), contradictions.front_end),
    ("invalid-watch", ("develop",), contradictions.watches),
)
PROJECT_RULES: tuple[tuple[str, ProjectRule], ...] = (
    ("dependency-cycle", references.dependency_cycles),
    ("build-cycle", references.build_cycles),
    ("external-volume", contradictions.external_volumes),
    ("config-source", contradictions.sources("config", "file", "environment", "content")),
    ("secret-source", contradictions.sources("secret", "file", "environment")),
)


def check(model: Map, disabled: Mapping[str, Any] | None = None) -> None:
    """Raise ``RuleViolation`` for the first problem in the order of the file, with the rest in ``others``."""
    found = list(_violations(Project(model, disabled or {})))
    if not found:
        return
    found.sort(key=lambda problem: (problem.where.line, problem.where.column) if problem.where else (0, 0))
    first, *others = found[:MAX_REPORTED]
    raise RuleViolation(first.message, where=first.where, hint=first.hint, reference=first.ref, others=others)


def _violations(project: Project) -> Iterator[RuleViolation]:
    for reference, project_rule in PROJECT_RULES:
        for path, message, hint in project_rule(project):
            yield RuleViolation(message, where=where(project.model, path), hint=hint, reference=reference)
    for name, service in project.services.items():
        seen = Seen(project, name, service)
        for reference, rule in _rules_for(service):
            for path, message, hint in rule(seen):
                place = where(project.model, ("services", name, *path))
                yield RuleViolation(message, where=place, hint=hint, reference=reference)


def _rules_for(service: Map) -> Iterator[tuple[str, ServiceRule]]:
    yield "no-image", contradictions.image
    yield "bad-character", characters.names
    yield "bad-character", characters.no_nul
    for reference, keys, rule in SERVICE_RULES:
        if any(key in service for key in keys):
            yield reference, rule
