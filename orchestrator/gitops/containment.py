"""What a stack from a repository names of this host's files: that it lies in the repository, with all links followed.

Contents of configs and secrets are read below the same folders as they are looked at (``spec.reading``). Here is the rest: what
builders read and what containers mount. Mounts from elsewhere on the host, and build contexts that are URLs, are no affair of the
repository: admission judges them.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from orchestrator import ignored
from orchestrator.beneath import Beneath, Outside, shown
from orchestrator.errors import Where
from orchestrator.model.stack import Service, Stack, is_remote
from orchestrator.model.values import MountType
from orchestrator.spec.document import Map, where
from orchestrator.spec.load import Canonical
from orchestrator.spec.reading import Files

_IMAGES = ("docker-image://", "service:", "target:")
_LAYOUT = "oci-layout://"
_ELSEWHERE = "a context must be a folder of the repository: copy it there, or build the image elsewhere and name it"
Keys = tuple[str | int, ...]
_KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device", stat.S_IFSOCK: "a socket"}


def roots(found: Canonical, place: str) -> Iterator[Beneath]:
    """The checkout at ``place``, and those beside it in which files of the model were left."""
    beside = os.path.dirname(place) + os.sep
    names = {os.path.basename(place): None}
    for path, _ in _files(found.model):
        if path.startswith(beside):
            names[path[len(beside) :].split(os.sep)[0]] = None
    return (Beneath(beside + name) for name in names)


def check_beside(found: Canonical, place: str) -> None:
    """Raises Outside at the line of the first path that leads to other checkouts of the repository: a spec has only its own."""
    beside = os.path.dirname(place) + os.sep
    for path, keys in _files(found.model):
        full = os.path.normpath(path) + os.sep
        if full.startswith(beside) and not full.startswith(place + os.sep):
            raise Outside(f"{shown(path)} lies outside of the repository", where=where(found.model, keys))


def _files(model: Map) -> Iterator[tuple[str, Keys]]:
    """Paths of a model, and where they stand."""
    for section in ("configs", "secrets"):
        for key, resource in (model.get(section) or {}).items():
            if isinstance(resource, dict) and isinstance(resource.get("file"), str):
                yield resource["file"], (section, key, "file")
    for key, service in (model.get("services") or {}).items():
        for index, mount in enumerate(service.get("volumes") or ()):
            if isinstance(mount, dict) and isinstance(mount.get("source"), str):
                yield mount["source"], ("services", key, "volumes", index)


def check_files(found: Canonical, disk: Files) -> None:
    """Raises Outside at the line of the first config or secret that is no file or folder of the repository."""
    for section in ("configs", "secrets"):
        for name, resource in (found.model.get(section) or {}).items():
            if isinstance(resource, dict) and isinstance(resource.get("file"), str):
                _path(resource["file"], where(found.model, (section, name, "file")), disk)


def check(stack: Stack, disk: Files) -> None:
    """Raises Outside at the line of the first path that builders read or containers mount and that leads out of the repository."""
    for volume in stack.volumes.values():
        device = volume.driver_opts.get("device", "")
        if disk.has(device):
            _path(device, stack.where(f"volumes.{volume.key}.driver_opts.device"), disk)
    for service in stack.services.values():
        _builds(stack, service, disk)
        _mounts(stack, service, disk)
        for index, rule in enumerate(service.watch):
            _path(rule.path, stack.where(f"services.{service.name}.develop.watch[{index}].path"), disk)


def _mounts(stack: Stack, service: Service, disk: Files) -> None:
    for index, mount in enumerate(service.container.mounts):
        if mount.type is MountType.BIND and disk.has(mount.source):
            _path(mount.source, stack.where(f"services.{service.name}.volumes[{index}]"), disk)


def _builds(stack: Stack, service: Service, disk: Files) -> None:
    build, at = service.build, f"services.{service.name}.build"
    if build is None:
        return
    _context(build.context, stack.where(f"{at}.context"), disk)
    if os.path.isabs(build.context):
        for name in ignored.beside(build.dockerfile):
            _path(os.path.join(build.context, name), stack.where(f"{at}.context"), disk)
    dockerfile = os.path.join(build.context, build.dockerfile)
    if not build.dockerfile_inline and os.path.isabs(dockerfile):
        _path(dockerfile, stack.where(f"{at}.dockerfile"), disk)
    for name, context in build.additional_contexts.items():
        if not context.startswith(_IMAGES):
            _context(context.removeprefix(_LAYOUT), stack.where(f"{at}.additional_contexts.{name}"), disk)
    for secret in build.secrets:
        if secret.source:
            _path(secret.source, stack.where(f"{at}.secrets"), disk)
    for agent in build.ssh:
        if "=" in agent:
            _path(agent.partition("=")[2], stack.where(f"{at}.ssh"), disk)


def _context(context: str, place: Where, disk: Files) -> None:
    if is_remote(context):
        return
    if not os.path.isabs(context):
        raise Outside(f"the build context {shown(context)} is somewhere else", where=place, hint=_ELSEWHERE)
    _path(context, place, disk)


def _path(path: str, place: Where, disk: Files) -> None:
    kind = disk.kind(path, place)
    if kind in _KINDS:
        raise Outside(f"{shown(path)} is {_KINDS[kind]}", where=place)
