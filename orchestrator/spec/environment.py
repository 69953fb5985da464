"""The project's environment: what variables in the files are substituted from.

The process's environment wins over env files; among several ``--env-file`` the later wins; of the default files the
one in the current directory comes before the one in the project directory. Nothing here reads ``os.environ``: the
environment is handed in, so that a daemon never lends its own to a stack.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from orchestrator.errors import SpecError, UsageError, Where
from orchestrator.spec import dotenv, encoding
from orchestrator.spec.limits import DEFAULTS, Limits, exceeded
from orchestrator.spec.reading import DISK, Files

_GO_TRUE = frozenset(("1", "t", "T", "TRUE", "true", "True"))
_GO_FALSE = frozenset(("0", "f", "F", "FALSE", "false", "False"))


class EnvFileMissing(SpecError):
    """An env file that was named does not exist."""

    reference = "env-file-missing"


def named_files(env_files: Sequence[str], environment: Mapping[str, str]) -> tuple[str, ...]:
    """The env files asked for on the command line, else in ``COMPOSE_ENV_FILES``; empty when none was."""
    if env_files:
        return tuple(env_files)
    listed = environment.get("COMPOSE_ENV_FILES", "")
    return tuple(part for part in listed.split(",") if part)


def default_file(directory: str, environment: Mapping[str, str], disk: Files = DISK) -> str | None:
    """The ``.env`` of ``directory``, unless there is none or ``COMPOSE_DISABLE_ENV_FILE`` says not to look."""
    switch = environment.get("COMPOSE_DISABLE_ENV_FILE")
    if switch is not None:
        if switch not in _GO_TRUE | _GO_FALSE:
            raise UsageError(f"COMPOSE_DISABLE_ENV_FILE is {switch!r}, which is neither true nor false")
        if switch in _GO_TRUE:
            return None
    path = os.path.join(directory, ".env")
    where = Where(path)
    return path if disk.exists(path, where) and not disk.is_folder(path, where) else None


def read_into(
    found: dict[str, str],
    path: str,
    shown: str,
    environment: Mapping[str, str],
    where: Where | None,
    limits: Limits,
    disk: Files = DISK,
) -> None:
    """Add the variables of an env file to ``found``; where one refers to another, ``environment`` answers first."""
    text = read_text(path, shown, where=where, limits=limits, disk=disk)
    dotenv.parse(text, shown, environment.get, found, limits)


def read_text(
    path: str,
    shown: str,
    *,
    what: str = "env file",
    where: Where | None = None,
    limits: Limits = DEFAULTS,
    disk: Files = DISK,
) -> str:
    """The text of an env file, or of ``what`` is read like one; missing files and directories are errors that name it."""
    try:
        if disk.is_folder(path, where or Where(shown)):
            raise EnvFileMissing(f"the {what} {shown} is a directory", where=where)
        data = disk.read(path, limits.file_bytes + 1, where or Where(shown))
    except FileNotFoundError:
        raise EnvFileMissing(
            f"the {what} {shown} does not exist", where=where, hint=f"create {path}, or name another file"
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise EnvFileMissing(f"the {what} {shown!r} cannot be read: {reason}", where=where) from None
    if len(data) > limits.file_bytes:
        raise exceeded("file_bytes", limits.file_bytes, Where(shown))
    return encoding.to_text(data, shown)


def fill_gaps(environment: dict[str, str], more: Mapping[str, str]) -> None:
    """Add what ``environment`` does not have yet."""
    for key, value in more.items():
        environment.setdefault(key, value)


def truthy(text: str) -> bool:
    """A ``COMPOSE_*`` switch as Compose reads it: only 1, t, true and y mean yes."""
    return text.strip().lower() in ("1", "t", "true", "y")
