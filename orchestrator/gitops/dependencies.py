"""What a stack in a checkout depends on, and whether that is the same as before.

A version of a stack is its canonical model, in which variables, includes, bases and env files have come together already, and the
content of every file of the checkout that the model names: mounts, build contexts, configs, secrets, profiles. Where the checkout
lies is no part of it. Digests are keyed, because models may hold secrets.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.beneath import Beneath, Outside
from orchestrator.gitops.standing import Anchor, Version
from orchestrator.spec.document import Map
from orchestrator.spec.load import Canonical

MOST_HASHED = 20_000  # files of a folder that a stack mounts or builds from
_OURS = ".stack-complete"  # lies in the root of each checkout and names its commit


def version(canonical: Canonical, place: str, commit: str, key: bytes, before: Mapping[str, Anchor]) -> Version:
    """The version that a model from the checkout at ``place`` is, with mounts anchored where their content lay ``before``."""
    named = {*_named(canonical.model, place), *_profiles(canonical, place)}
    digests = {path: file_digest(path, place) for path in sorted(named)}
    shared = {name: node for name, node in canonical.model.items() if name != "services"}
    services = {
        name: _keyed(key, place, {"service": node}, {p: digests[p] for p in sorted(set(_named(node, place)))})
        for name, node in (canonical.model.get("services") or {}).items()
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


def file_digest(path: str, place: str) -> str:
    """A digest of the file or of everything below the folder at ``path``: names, contents, links, and what is executable."""
    digest, within = hashlib.sha256(), Beneath(place)
    for name in _files_below(path):
        digest.update(os.path.relpath(name, place).encode(errors="surrogateescape") + b"\0")
        digest.update(_content(name, within))
    return digest.hexdigest()


def _files_below(path: str) -> Iterator[str]:
    if not os.path.isdir(path) or os.path.islink(path):
        yield path
        return
    count = 0
    for folder, folders, names in os.walk(path):
        folders.sort()
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        for name in sorted((*names, *links)):
            count += name != _OURS
            if count > MOST_HASHED:
                return
            if name != _OURS:
                yield os.path.join(folder, name)


def _content(path: str, within: Beneath) -> bytes:
    """A link is where it leads to and, where that is a file of the checkout, what is in it. Pipes and the like are not opened."""
    link = b""
    try:
        if os.path.islink(path):
            link = b"link " + os.readlink(path).encode(errors="surrogateescape")
        with within.opened(path) as file:
            content = hashlib.file_digest(file, "sha256").digest()
            executable = os.fstat(file.fileno()).st_mode & 0o100 > 0
        return link + content + bytes([executable])
    except (OSError, Outside):
        return link or b"absent"
