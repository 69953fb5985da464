"""Which services a command is about: those whose profiles are active, those it names, and what they depend on.

``split`` parts a model's services by profile; ``select`` reduces it to named services (glob patterns, as Compose
takes them) and their dependencies; ``without_unused`` drops resources that no remaining service uses.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from fnmatch import fnmatchcase

from orchestrator.errors import RuleViolation, UnknownService
from orchestrator.spec.defaults import maps, services_of
from orchestrator.spec.document import Map, where
from orchestrator.spec.hints import did_you_mean


def active(profiles: Sequence[str], listed: str) -> tuple[str, ...]:
    """The profiles from the command line, else those of ``COMPOSE_PROFILES``."""
    return tuple(profiles) or tuple(part.strip() for part in listed.split(",") if part.strip())


def split(model: Map, profiles: Collection[str]) -> Map:
    """Take the services without an active profile out of ``model``, and give them."""
    services = model.get("services")
    disabled = Map(mark=model.mark)
    if not isinstance(services, Map) or "*" in profiles:
        return disabled
    for name, service in services_of(model):
        wanted = service.get("profiles")
        if wanted and not any(profile in profiles for profile in wanted):
            disabled.take(name, services, service)
            del services[name]
    return disabled


def profiles_of(names: Iterable[str], disabled: Map) -> tuple[str, ...]:
    """The profiles that naming disabled services activates."""
    return tuple(profile for name in names for profile in (disabled.get(name) or {}).get("profiles", ()))


def enable(model: Map, disabled: Map, profiles: Collection[str]) -> Map:
    """Bring services back whose profiles are active now; those that stay disabled are given."""
    services = model.get("services")
    if not isinstance(services, Map):
        return disabled
    for name, service in disabled.items():
        services.take(name, disabled, service)
    return split(model, profiles)


def select(model: Map, names: Sequence[str], disabled: Map) -> None:
    """Keep the named services and what they depend on; the others join the disabled."""
    if not names:
        return
    services = model["services"] if isinstance(model.get("services"), Map) else Map()
    kept = _with_dependencies(model, _matching(services, names, disabled), disabled)
    for name in list(services):
        if name not in kept:
            disabled.take(name, services, services[name])
            del services[name]
    for _, service in services_of(model):
        dependencies = service.get("depends_on")
        for gone in [name for name in dependencies or () if name not in kept]:
            del service["depends_on"][gone]
        if dependencies is not None and not dependencies:
            del service["depends_on"]


def _matching(services: Map, names: Sequence[str], disabled: Map) -> list[str]:
    found: dict[str, None] = {}
    for pattern in names:
        matches = [pattern] if pattern in services else [name for name in services if fnmatchcase(name, pattern)]
        if not matches:
            raise UnknownService(f"no such service: {pattern}", hint=did_you_mean(pattern, [*services, *disabled]))
        found.update(dict.fromkeys(matches))
    return list(found)


def _with_dependencies(model: Map, names: list[str], disabled: Map) -> set[str]:
    services = model["services"]
    kept: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in kept:
            continue
        kept.add(name)
        for dependency, said in (services[name].get("depends_on") or {}).items():
            if dependency in services:
                waiting.append(dependency)
            elif not isinstance(said, Map) or said.get("required", True):
                state = "has no active profile" if dependency in disabled else "does not exist"
                raise RuleViolation(
                    f"the service {name} depends on {dependency}, which {state}",
                    where=where(model, ("services", name, "depends_on", dependency)),
                    reference="undefined-dependency",
                )
    return kept


def without_unused(model: Map) -> None:
    """Drop networks, volumes, secrets, configs and models that no service of ``model`` uses."""
    used = _used(model)
    for section, names in used.items():
        resources = model.get(section)
        if not isinstance(resources, Map):
            continue
        for name in [name for name in resources if name not in names]:
            del resources[name]
        if not resources:
            del model[section]


def _used(model: Map) -> dict[str, set[str]]:
    used: dict[str, set[str]] = {kind: set() for kind in ("networks", "volumes", "secrets", "configs", "models")}
    for _, service in services_of(model):
        used["networks"].update(service.get("networks") or ())
        used["models"].update(service.get("models") or ())
        build = service.get("build")
        grants = [*maps(service.get("secrets")), *(maps(build.get("secrets")) if isinstance(build, Map) else ())]
        used["secrets"].update(str(grant.get("source")) for grant in grants)
        used["configs"].update(str(grant.get("source")) for grant in maps(service.get("configs")))
        mounts = maps(service.get("volumes"))
        used["volumes"].update(str(mount.get("source")) for mount in mounts if mount.get("type") == "volume")
    return used
