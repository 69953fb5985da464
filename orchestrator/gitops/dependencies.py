"""What a stack in a checkout depends on, and whether that is the same as before.

A version of a stack is its canonical model, in which variables, includes, bases and env files have come together already, and the
content of every file of the checkout that the model names: mounts, configs, secrets, profiles, and what builders are sent. Where
the checkout lies is no part of it, nor is what only development reads (``develop``). Digests are keyed, because models may hold
secrets.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator import graph
from orchestrator.gitops.contents import Contents
from orchestrator.gitops.standing import Anchor, Version
from orchestrator.spec.document import Map
from orchestrator.spec.load import Canonical

_BASE = "service:"


def version(
    canonical: Canonical,
    place: str,
    commit: str,
    key: bytes,
    before: Mapping[str, Anchor],
    built: Mapping[str, str],
) -> Version:
    """The version that a model from the checkout at ``place`` is, with mounts anchored where their content lay ``before``.

    ``built`` are the versions of what its services are built from.
    """
    shared = {name: node for name, node in canonical.model.items() if name != "services"}
    run = {name: _run(node) for name, node in (canonical.model.get("services") or {}).items()}
    named = {*_named([shared, run], place), *_profiles(canonical, place)}
    contents = Contents(place)
    digests = {path: contents.digest(path) for path in sorted(named)}
    services = {
        name: _keyed(
            key,
            place,
            {"service": node, **({"built": built[name]} if name in built else {})},
            {p: digests[p] for p in sorted(set(_named(node, place)))},
        )
        for name, node in run.items()
    }
    return Version(
        commit=commit,
        digest=_keyed(key, place, {"services": services, "shared": shared}, digests),
        anchors={
            path: before[path]
            if path in before and before[path].digest == digest
            else Anchor(commit=commit, digest=digest)
            for path, digest in (
                (os.path.relpath(mounted, place), digests[mounted]) for mounted in _mounted(canonical, place)
            )
        },
        services=services,
        networks=tuple(sorted(canonical.model.get("networks") or {})),
    )


def _run(service: Map) -> dict[str, Any]:
    """What of a service concerns its containers."""
    return {name: node for name, node in service.items() if name not in ("build", "develop")}


def builds(canonical: Canonical, place: str, key: bytes) -> dict[str, str]:
    """The version of what each service is built from, by service: the section, and what of the checkout builders are sent."""
    nodes = {
        name: node["build"]
        for name, node in (canonical.model.get("services") or {}).items()
        if isinstance(node.get("build"), dict)
    }
    contents = Contents(place)
    own = {name: _keyed(key, place, {"build": node}, _sent(node, place, contents)) for name, node in nodes.items()}
    return _with_bases(nodes, own, key)


def _with_bases(nodes: Mapping[str, Map], own: Mapping[str, str], key: bytes) -> dict[str, str]:
    """Each with the services whose images it is built upon. What is built upon itself cannot be built, and is its own alone."""
    bases = {name: sorted(_bases(node) & nodes.keys()) for name, node in nodes.items()}
    found = dict(own)
    for name in graph.order(bases):
        if bases[name]:
            found[name] = _keyed(key, "", [own[name], [found[base] for base in bases[name]]], {})
    return found


def _bases(build: Map) -> set[str]:
    places = map(str, (build.get("additional_contexts") or {}).values())
    return {place[len(_BASE) :] for place in places if place.startswith(_BASE)}


def _sent(build: Map, place: str, contents: Contents) -> dict[str, str]:
    """Digests of what a builder is sent of the checkout: contexts without what they ignore, and the Dockerfile."""
    context, dockerfile = str(build.get("context", "")), str(build.get("dockerfile", "Dockerfile"))
    named = set(_named({**build, "context": ""}, place))
    if not build.get("dockerfile_inline") and _inside(
        found := os.path.normpath(os.path.join(context, dockerfile)), place
    ):
        named.add(found)
    digests = {path: contents.digest(path) for path in sorted(named)}
    if _inside(context, place):
        digests[context] = digests.get(context, "") + contents.sent(context, dockerfile)
    return digests


def anchor(canonical: Canonical, place: str, folders: Mapping[str, str]) -> None:
    """Let mounts of the model name the checkouts that their paths are anchored in: ``folders`` by path in the repository."""
    for node, attribute in _mount_nodes(canonical.model):
        path = os.path.relpath(node[attribute], place)
        if path in folders:
            node[attribute] = os.path.normpath(os.path.join(folders[path], path))


def _mounted(canonical: Canonical, place: str) -> list[str]:
    return sorted(
        {node[attribute] for node, attribute in _mount_nodes(canonical.model) if _inside(node[attribute], place)}
    )


def _mount_nodes(model: Map) -> Iterator[tuple[Map, str]]:
    """The nodes of a model that name what containers mount from this host, with the attribute that does."""
    for service in (model.get("services") or {}).values():
        for mount in service.get("volumes") or ():
            if isinstance(mount, dict) and mount.get("type") == "bind" and isinstance(mount.get("source"), str):
                yield mount, "source"  # type: ignore[misc]  # every mapping of a model is a Map
    for kind in ("configs", "secrets"):
        for node in (model.get(kind) or {}).values():
            if isinstance(node, dict) and isinstance(node.get("file"), str):
                yield node, "file"  # type: ignore[misc]


def _named(node: Any, place: str) -> Iterator[str]:
    """Every path of the checkout that a part of a model names; security options name theirs as the file does."""
    if isinstance(node, str):
        start = node.find(place + os.sep)
        if node == place:
            yield place
        elif start >= 0:
            yield os.path.normpath(node[start:])
    elif isinstance(node, dict):
        for value in node.values():
            yield from _named(value, place)
    elif isinstance(node, list):
        for value in node:
            yield from _named(value, place)


def _profiles(canonical: Canonical, place: str) -> Iterator[str]:
    """Seccomp profiles, which the model names as the file does."""
    for service in (canonical.model.get("services") or {}).values():
        for option in service.get("security_opt") or ():
            path = os.path.normpath(os.path.join(canonical.working_dir, str(option)[len("seccomp=") :]))
            if str(option).startswith(("seccomp=", "seccomp:")) and _inside(path, place):
                yield path


def _inside(path: str, place: str) -> bool:
    return path == place or path.startswith(place + os.sep)


def _keyed(key: bytes, place: str, what: Any, digests: Mapping[str, str]) -> str:
    files = {os.path.relpath(path, place): digest for path, digest in digests.items()}
    text = json.dumps([what, files], sort_keys=True, default=str).replace(json.dumps(place)[1:-1], "")
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
