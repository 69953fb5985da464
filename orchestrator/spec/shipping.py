"""A stack for an engine on another host: which of its files have to go there, and what they hold.

A stack goes in as the files say it, and comes out with every bind mount of the project's own files, and every config and secret
that is a file, as a copy to be shipped. The project's own are those at or below its folder (or that of one of its files). Any other
path means the engine's host, as it does for ``docker``; so does one below the project that is not here and may be made.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat as stats
from collections.abc import Iterator

from orchestrator.errors import RuleViolation
from orchestrator.model import fingerprint
from orchestrator.model.stack import Service, Stack
from orchestrator.model.values import FileGrant, FileKind, Mount, MountType
from orchestrator.records import replace

LARGEST = 1 << 30
PIECE = 1024 * 1024


def shipped(stack: Stack, most: int = LARGEST) -> Stack:
    """``stack`` with its files as copies. RuleViolation where one cannot be read, or where they hold more than ``most`` bytes."""
    shipment = _Shipment(stack, most)
    return stack.with_services(shipment.service(service) for service in stack.services.values() if service.replicas)


class _Shipment:
    def __init__(self, stack: Stack, most: int) -> None:
        self.stack, self.most, self.left = stack, most, most
        self.folders = {stack.working_dir, *(os.path.dirname(file) for file in stack.config_files)} - {"", "/"}
        self.digests: dict[str, str] = {}

    def service(self, service: Service) -> Service:
        settings = service.container
        grants = tuple(self._grant(service, grant) for grant in settings.files)
        places = [(mount, self._mount(service, index, mount)) for index, mount in enumerate(settings.mounts)]
        stay = tuple(mount for mount, grant in places if grant is None)
        moved = tuple(grant for _, grant in places if grant is not None)
        return replace(service, container=replace(settings, mounts=stay, files=(*grants, *moved)))

    def _grant(self, service: Service, grant: FileGrant) -> FileGrant:
        if grant.copied:
            return grant
        where = f"services.{service.name}.{grant.kind.value}s"
        return replace(grant, shipped=True, digest=grant.digest or self._digest(grant.source, where))

    def _mount(self, service: Service, index: int, mount: Mount) -> FileGrant | None:
        """The copy that stands for a mount; None where it stays what it is."""
        where = f"services.{service.name}.volumes[{index}]"
        if mount.type is not MountType.BIND or not self.is_ours(mount.source):
            return None
        if not os.path.exists(mount.source):
            if mount.must_exist:
                raise RuleViolation(
                    f'service "{service.name}": the bind source {mount.source} does not exist',
                    where=self.stack.where(where),
                    hint="create it: it is copied to the engine's host from here",
                    reference="bind-source-missing",
                )
            return None
        if not (os.path.isfile(mount.source) or os.path.isdir(mount.source)):
            return None  # a socket or a device belongs to its host
        return FileGrant(
            FileKind.MOUNT,
            os.path.relpath(mount.source, self.stack.working_dir or "/"),
            mount.target,
            source=mount.source,
            digest=self._digest(mount.source, where),
            shipped=True,
            writable=not mount.read_only,
        )

    def is_ours(self, path: str) -> bool:
        return any(path == folder or path.startswith(f"{folder.rstrip('/')}/") for folder in self.folders)

    def _digest(self, path: str, where: str) -> str:
        if path not in self.digests:
            try:
                listing = list(self._listed(os.path.realpath(path), "", where))
            except OSError as problem:
                raise RuleViolation(
                    f"{problem.filename or path} cannot be copied to the engine's host: {problem.strerror}",
                    where=self.stack.where(where),
                    hint="make it readable, or use a volume",
                    reference="copy-unreadable",
                ) from None
            self.digests[path] = fingerprint.digest(self.stack.key, json.dumps(listing).encode())
        return self.digests[path]

    def _listed(self, path: str, name: str, where: str) -> Iterator[tuple[str, int, str]]:
        """Everything at and below ``path``: its name, kind and mode, and what it holds."""
        found = os.lstat(path)
        if stats.S_ISREG(found.st_mode):
            yield name, found.st_mode, self._content(path, where)
        elif stats.S_ISLNK(found.st_mode):
            yield name, stats.S_IFLNK, os.readlink(path)
        elif stats.S_ISDIR(found.st_mode):
            yield name, found.st_mode, ""
            for entry in sorted(os.listdir(path)):
                yield from self._listed(f"{path}/{entry}", f"{name}/{entry}", where)

    def _too_much(self, where: str) -> RuleViolation:
        return RuleViolation(
            f"more than {self.most >> 20} MiB would have to be copied to the engine's host",
            where=self.stack.where(where),
            hint="mount less of the project, or keep it in a volume or an image",
            reference="too-much-to-copy",
        )

    def _content(self, path: str, where: str) -> str:
        found = hashlib.sha256()
        with open(path, "rb") as file:
            while piece := file.read(PIECE):
                self.left -= len(piece)
                if self.left < 0:
                    raise self._too_much(where)
                found.update(piece)
        return found.hexdigest()
