"""Which files a command means: named ones, ``COMPOSE_FILE``, or those found by the usual names here or above.

The command line, an environment and a directory in; the files in order out, with the project directory. Compose's names
are looked for first and in Compose's order, then our own. An override file counts only beside a file that was found,
never beside one that was named.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from orchestrator.errors import SpecError, Where
from orchestrator.spec import remote
from orchestrator.spec.interpolate import Findings

NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml", "app.yml", "app.yaml")
OVERRIDES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
    "app.override.yml",
    "app.override.yaml",
)
STDIN = "-"


class FileMissing(SpecError):
    """A file that was named, or any file at all, is not there."""

    reference = "file-missing"


def from_environment(environment: Mapping[str, str], directory: str) -> tuple[str, ...]:
    """The files that ``COMPOSE_FILE`` lists; empty when it is not set."""
    listed = environment.get("COMPOSE_FILE")
    if listed is None:
        return ()
    separator = environment.get("COMPOSE_PATH_SEPARATOR") or os.pathsep
    return tuple(_existing(name, directory) for name in listed.split(separator))


def _existing(name: str, directory: str) -> str:
    if name == STDIN or remote.is_remote(name):
        return name
    path = os.path.normpath(os.path.join(directory, name))
    if not name or not os.path.exists(path):
        raise FileMissing(f"COMPOSE_FILE names {name!r}, which does not exist", where=Where(path))
    return path


def discover(directory: str, findings: Findings) -> tuple[str, ...]:
    """The file of the nearest directory, from ``directory`` upwards, that has one; with its override file."""
    while True:
        main = _first(NAMES, directory, findings)
        if main is not None:
            override = _first(OVERRIDES, directory, findings)
            return (main,) if override is None else (main, override)
        parent = os.path.dirname(directory)
        if parent == directory:
            return ()
        directory = parent


def _first(names: Sequence[str], directory: str, findings: Findings) -> str | None:
    found = [path for path in (os.path.join(directory, name) for name in names) if os.path.exists(path)]
    if not found:
        return None
    if len(found) > 1:
        others = ", ".join(os.path.basename(path) for path in found[1:])
        findings.warn(f"{os.path.basename(found[0])} is used, although there is also {others}", Where(found[0]))
    return found[0]


def project_directory(explicit: str, files: Sequence[str], current: str) -> str:
    """The directory that relative paths start from: as named, else that of the first file, else the current one."""
    if explicit:
        return os.path.normpath(os.path.join(current, explicit))
    for file in files:
        if file == STDIN:
            continue
        if remote.is_remote(file):
            break
        return os.path.dirname(os.path.normpath(os.path.join(current, file)))
    return current


def missing(directory: str) -> FileMissing:
    """The error for a directory without any file we know by name."""
    return FileMissing(
        "no configuration file provided: not found",
        where=Where(directory),
        hint="name the file with -f, or change to a directory that has (or is below one that has) a compose.yaml",
        reference="no-file",
    )
