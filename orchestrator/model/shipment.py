"""Copies of configs, secrets and mounted files on the engine's host: which are copied, into which volume, and where in it.

A container's settings come in; names and paths go out, the same for planner, engines and what is read back. A volume holds the
copies of one version of one service: other contents, another name. So a container that serves keeps what it was started with, and
restarts of the engine find it there.

Secrets that are to be in memory alone are files of a folder of this host instead, one for each version of each service's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from orchestrator.model import fingerprint
from orchestrator.model.container import Container
from orchestrator.model.stack import Service, Stack
from orchestrator.model.values import FileGrant

FILE_MODE = 0o444
_NAME = re.compile(r".+\.files-[0-9a-f]{12}")
_FOLDER = re.compile(r".+\.secrets-[0-9a-f]{12}")
_IN_FOLDER = re.compile(r".*/([^/]+\.secrets-[0-9a-f]{12})\.[0-9a-z]+/[0-9]+")
_PATH = re.compile(r".*/([^/]+\.files-[0-9a-f]{12})/_data(?:/.*)?")


def copied(settings: Container) -> tuple[FileGrant, ...]:
    """What is copied into a volume; the order tells the name of each there."""
    return _sorted(grant for grant in settings.files if grant.copied and not grant.in_memory)


def in_memory(settings: Container) -> tuple[FileGrant, ...]:
    """The secrets that are kept in memory; the order tells the name of each in their folder."""
    return _sorted(grant for grant in settings.files if grant.in_memory)


def _sorted(grants: Iterable[FileGrant]) -> tuple[FileGrant, ...]:
    return tuple(sorted(grants, key=lambda grant: grant.target))


def owner(grant: FileGrant) -> tuple[int, int, int]:
    """User, group and mode of a copy of content: everyone may read it unless the file says otherwise."""
    return int(grant.uid or 0), int(grant.gid or 0), FILE_MODE if grant.mode is None else grant.mode


def volume(stack: Stack, service: Service) -> str:
    """The engine's name of the volume for the copies; "" where nothing is copied."""
    grants = copied(service.container)
    if not grants:
        return ""
    return f"{stack.name}_{service.name}.files-{fingerprint.of_files(grants, stack.key)[:12]}"


def folder(stack: Stack, service: Service) -> str:
    """The name of the folder for the secrets in memory; "" where there are none."""
    grants = in_memory(service.container)
    return f"{service.name}.secrets-{fingerprint.of_files(grants, stack.key)[:12]}" if grants else ""


def is_folder(name: str) -> bool:
    return _FOLDER.fullmatch(name) is not None


def folder_of(path: str) -> str:
    """The folder with secrets that a path of the engine's host leads into; "" where it leads elsewhere."""
    found = _IN_FOLDER.fullmatch(path)
    return found[1] if found else ""


def is_volume(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def volume_of(path: str) -> str:
    """The volume that a path of the engine's host leads into; "" where that holds no copies."""
    found = _PATH.fullmatch(path)
    return found[1] if found else ""


def filler(volume_name: str) -> str:
    """The name of the container that a volume is filled through; it is never started, and gone right after."""
    return volume_name.rpartition("-")[0]
