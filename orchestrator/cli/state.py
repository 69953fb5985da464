"""Our own directory on this host, and the key that lives in it.

The key makes the digests that stand for secrets in labels and plans: they tell equal from different and nothing else to
someone without the key. Losing it costs little: what digests of another key stand for is read from the containers once.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from orchestrator.errors import StackError

KEY_BYTES = 32


def directory(environment: Mapping[str, str]) -> str:
    """``STACK_STATE_DIR``, else ``/var/lib/stack`` for root and ``$XDG_STATE_HOME/stack`` for everyone else."""
    chosen = environment.get("STACK_STATE_DIR")
    if chosen:
        return os.path.abspath(chosen)
    if os.geteuid() == 0:
        return "/var/lib/stack"
    home = environment.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    return os.path.join(home, "stack")


def host_key(environment: Mapping[str, str]) -> bytes:
    """The key of this host (of this user), made on first use."""
    path = os.path.join(directory(environment), "key")
    try:
        return _read(path)
    except FileNotFoundError:
        return _make(path)
    except OSError as problem:
        raise _unusable(path, problem) from problem


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        key = file.read(KEY_BYTES + 1)
    if len(key) != KEY_BYTES:
        raise StackError(
            f"the key file {path} is damaged", reference="host-key", hint="remove it: a new one is made on the next run"
        )
    return key


def _make(path: str) -> bytes:
    """Write a new key so that of several first runs at once all end up with the same one."""
    draft = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass  # another first run was quicker
        os.unlink(draft)
        return _read(path)
    except OSError as problem:
        raise _unusable(path, problem) from problem


def _unusable(path: str, problem: OSError) -> StackError:
    return StackError(
        f"cannot use {path}: {problem.strerror}",
        reference="host-key",
        hint="make its directory writable, or name another one in STACK_STATE_DIR",
    )
