"""What a file leaves unsaid: default targets and protocols, the default network, names of resources, implied
dependencies.

``fill`` adds the defaults of single fields, in each file set before its paths are resolved. ``normalize`` adds what
only the whole project can know, once, at the end: the network ``default``, ``<project>_<key>`` names, ``depends_on``
for services that share a namespace or volumes, and the values of variables that are named without one.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from orchestrator.spec.document import Map, Mark, Seq

_NAMESPACES = ("network_mode", "ipc", "pid", "uts", "cgroup")
_NAMED = ("networks", "volumes", "configs", "secrets")


def services_of(model: Map) -> list[tuple[str, Map]]:
    """The services that are mappings, with their names."""
    services = model.get("services")
    return (
        [(name, each) for name, each in services.items() if isinstance(each, Map)] if isinstance(services, Map) else []
    )


def maps(value: Any) -> list[Map]:
    """The mappings in a list."""
    return [each for each in value if isinstance(each, Map)] if isinstance(value, Seq) else []


def fill(model: Map) -> None:
    """Add the defaults of single fields."""
    for _, service in services_of(model):
        build = service.get("build")
        if isinstance(build, Map):
            _default(build, "context", ".")
        for secret in maps(service.get("secrets")):
            _default(secret, "target", f"/run/secrets/{secret.get('source')}")
        for port in maps(service.get("ports")):
            _default(port, "protocol", "tcp")
            _default(port, "mode", "ingress")
        for request in (*maps(service.get("gpus")), *_reserved_devices(service)):
            if "count" not in request and "device_ids" not in request:
                _default(request, "count", "all")


def _reserved_devices(service: Map) -> list[Map]:
    node: Any = service
    for key in ("deploy", "resources", "reservations", "devices"):
        node = node.get(key) if isinstance(node, Map) else None
    return maps(node)


def _default(node: Map, key: str, value: Any) -> None:
    if key not in node:
        node.put(key, value, node.mark, node.mark)


def normalize(model: Map, environment: Mapping[str, str]) -> None:
    """Add what follows from the project as a whole. ``model["name"]`` is the project's name."""
    _networks(model)
    for _, service in services_of(model):
        if service.get("pull_policy") == "if_not_present":
            service["pull_policy"] = "missing"
        _build(service, environment)
        if "environment" in service:
            service["environment"] = resolved(service["environment"], environment, keep_unset=True)
        _targets(service)
        _dependencies(service)
        _hook_images(service)
    _names(model)


def _networks(model: Map) -> None:
    used = False
    for _, service in services_of(model):
        if "provider" in service or "network_mode" in service:
            continue
        networks = service.get("networks")
        if not networks:
            networks = Map(mark=service.mark)
            networks.put("default", None, service.mark, service.mark)
            service.put("networks", networks, service.mark, service.mark)
        used = used or "default" in networks
    declared = model.get("networks")
    if used and (not isinstance(declared, Map) or "default" not in declared):
        if not isinstance(declared, Map):
            declared = Map(mark=model.mark)
            model.put("networks", declared, model.mark, model.mark)
        declared.put("default", None, model.mark, model.mark)


def _build(service: Map, environment: Mapping[str, str]) -> None:
    build = service.get("build")
    if not isinstance(build, Map):
        return
    if build.get("context") is None:
        build.put("context", ".", build.mark, build.mark)
    if build.get("dockerfile") is None and build.get("dockerfile_inline") is None:
        build.put("dockerfile", "Dockerfile", build.mark, build.mark)
    if "args" in build:
        build["args"] = resolved(build["args"], environment, keep_unset=False)


def resolved(value: Any, environment: Mapping[str, str], *, keep_unset: bool) -> Any:
    """Variables named without a value take that of ``environment``; those it does not have stay only if wanted."""
    if isinstance(value, Map):
        out = Map(mark=value.mark)
        for key, item in value.items():
            found = environment.get(key) if item is None else item
            if found is not None or keep_unset:
                out.take(key, value, found)
                out[key] = found
        return out
    if not isinstance(value, Seq):
        return value
    items = Seq(mark=value.mark)
    for index, item in enumerate(value):
        if isinstance(item, str) and "=" not in item:
            found = environment.get(item)
            if found is None and not keep_unset:
                continue
            items.add(item if found is None else f"{item}={found}", value.mark_of(index))
        else:
            items.add(item, value.mark_of(index))
    return items


def _targets(service: Map) -> None:
    for volume in maps(service.get("volumes")):
        if isinstance(volume.get("target"), str):
            volume["target"] = _clean(volume["target"])


def _clean(path: str) -> str:
    cleaned = posixpath.normpath(path) if path else "."
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def _dependencies(service: Map) -> None:
    """Services whose links, namespaces or volumes this one uses must be there before it."""
    implied: list[tuple[str, bool, Mark]] = []
    for index, link in enumerate(service.get("links") or ()):
        parts = str(link).split(":")
        implied.append((parts[0] if len(parts) == 2 else str(link), True, service["links"].mark_of(index)))
    for namespace in _NAMESPACES:
        owner = service.get(namespace)
        if isinstance(owner, str) and owner.startswith("service:"):
            implied.append((owner.removeprefix("service:"), True, service.mark_of(namespace)))
    for index, source in enumerate(service.get("volumes_from") or ()):
        if not str(source).startswith("container:"):
            implied.append((str(source).split(":")[0], False, service["volumes_from"].mark_of(index)))
    if implied:
        _imply(service, implied)


def _imply(service: Map, implied: list[tuple[str, bool, Mark]]) -> None:
    known = service.get("depends_on")
    if not isinstance(known, Map):
        known = Map(mark=service.mark)
        service.put("depends_on", known, service.mark, service.mark)
    for name, restart, mark in implied:
        if name not in known:
            said = (("condition", "service_started"), ("restart", restart), ("required", True))
            known.put(name, Map(said, mark), mark, mark)


def _hook_images(service: Map) -> None:
    for hook in maps(service.get("pre_start")):
        if "image" not in hook and service.get("image"):
            hook.put("image", service["image"], hook.mark, service.mark_of("image"))


def _names(model: Map) -> None:
    """Resources without a name are called after the project and their key; external ones after their key alone."""
    for kind in _NAMED:
        section = model.get(kind)
        if not isinstance(section, Map):
            continue
        for key, resource in section.items():
            if not isinstance(resource, Map):
                section[key] = Map(mark=section.mark_of(key))
            _name(section[key], key, model)


def _name(resource: Map, key: str, model: Map) -> None:
    if resource.get("name") is None:
        external = resource.get("external") in (True, "true")
        name = key if external else f"{model.get('name')}_{key}"
        resource.put("name", name, resource.mark, resource.mark)
