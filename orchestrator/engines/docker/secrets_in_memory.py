"""Secrets that are to be in memory alone: files of a tmpfs on this host, bind-mounted into containers.

Below ``/run/stack/secrets`` (or ``STACK_SECRETS_DIR``) each stack has a folder, and in it one folder for each version of each
service's secrets and each engine. All of them are root's and open to nobody else; containers see the files that are mounted, by
number. A folder comes into its place by a rename, so that whatever is there is whole. After a reboot nothing is there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping

from orchestrator.errors import EngineError
from orchestrator.model import actions, shipment
from orchestrator.model.values import FileGrant

ROOT = "/run/stack/secrets"
VARIABLE = "STACK_SECRETS_DIR"
IN_MEMORY = frozenset(("tmpfs", "ramfs"))
MOUNTS = "/proc/self/mountinfo"


def root(environment: Mapping[str, str]) -> str:
    return environment.get(VARIABLE) or ROOT


def place(environment: Mapping[str, str], stack: str, folder: str, engine_id: str) -> str:
    """Where the files of ``folder`` are."""
    return os.path.join(root(environment), stack, folder + _suffix(engine_id))


def present(environment: Mapping[str, str], stack: str, engine_id: str) -> frozenset[str]:
    """The folders that this engine's containers of the stack may be given; none for whoever may not look."""
    try:
        entries = os.listdir(os.path.join(root(environment), stack))
    except OSError:
        return frozenset()
    suffix = _suffix(engine_id)
    names = (entry.removesuffix(suffix) for entry in entries if entry.endswith(suffix))
    return frozenset(name for name in names if shipment.is_folder(name))


def keep(environment: Mapping[str, str], action: actions.KeepSecrets, engine_id: str) -> str:
    """Write the files. What an earlier attempt left half done makes room for them."""
    import shutil  # few runs write secrets

    target = place(environment, action.stack, action.folder, engine_id)
    parent = os.path.dirname(target)
    unfinished = os.path.join(parent, f".{os.path.basename(target)}")
    try:
        _prepare(os.path.dirname(parent))
        _folder(parent)
        shutil.rmtree(unfinished, ignore_errors=True)
        os.mkdir(unfinished, 0o700)
        for number, grant in enumerate(action.files):
            _write(os.path.join(unfinished, str(number)), grant)
        if os.path.lexists(target):
            shutil.rmtree(unfinished)
        else:
            os.rename(unfinished, target)
    except OSError as problem:
        raise _refused(action, f"{problem.filename or target}: {problem.strerror}") from None
    return ""


def drop(environment: Mapping[str, str], action: actions.DropSecrets, engine_id: str) -> str:
    """Take the files away, and the stack's folder with the last of them."""
    import shutil

    target = place(environment, action.stack, action.folder, engine_id)
    try:
        shutil.rmtree(target)
    except FileNotFoundError:
        pass  # somebody was quicker
    except OSError as problem:
        message = f"{problem.filename or target} cannot be removed: {problem.strerror}"
        raise EngineError(message, hint="run this as root", reference="secrets-left") from None
    try:
        os.rmdir(os.path.dirname(target))
    except OSError:
        pass  # others are still there
    return ""


def _suffix(engine_id: str) -> str:
    """Engines of one host must not sweep each other's files."""
    plain = "".join(letter for letter in engine_id if letter.isalnum())
    return f".{plain[:16].lower() or 'engine'}"


def _prepare(folder: str) -> None:
    """The folder of all secrets: ours alone, and in memory."""
    os.makedirs(os.path.dirname(folder), exist_ok=True)
    _folder(folder)
    kind = _file_system(folder)
    if kind not in IN_MEMORY:
        raise EngineError(
            f"{folder} is on {kind or 'an unknown file system'}, not on a tmpfs, so secrets would be written to a disk",
            hint=f"mount one there: mount -t tmpfs -o mode=0700 tmpfs {folder} (or set {VARIABLE}), or leave out "
            "`x-stack: {secrets: tmpfs}`",
            reference="secrets-not-in-memory",
        )


def _folder(path: str) -> None:
    """A folder that nobody else may enter; a link, or somebody else's, is refused."""
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        found = os.lstat(path)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
            raise EngineError(
                f"{path} is not a folder of the user who runs this",
                hint="remove it, or run this as root",
                reference="secrets-not-in-memory",
            ) from None
        if stat.S_IMODE(found.st_mode) != 0o700:
            os.chmod(path, 0o700)


def _file_system(path: str) -> str:
    """The kind of file system that ``path`` is on: that of the longest mount point above it, the latest where there are several."""
    path, best, kind = os.path.realpath(path), -1, ""
    with open(MOUNTS, encoding="utf-8", errors="surrogateescape") as mounts:
        for point, name in _mount_points(mounts):
            inside = path == point or path.startswith(f"{point.rstrip('/')}/")
            if inside and len(point) >= best:
                best, kind = len(point), name
    return kind


def _mount_points(lines: Iterable[str]) -> Iterable[tuple[str, str]]:
    for line in lines:
        about, _, rest = line.partition(" - ")
        words = about.split()
        if len(words) > 4 and rest:
            yield words[4].replace("\\040", " "), rest.split()[0]


def _write(path: str, grant: FileGrant) -> None:
    uid, gid, mode = shipment.owner(grant)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(file, "wb") as out:
        out.write(grant.content or b"")
        os.fchown(out.fileno(), uid, gid)
        os.fchmod(out.fileno(), mode)


def _refused(action: actions.KeepSecrets, why: str) -> EngineError:
    return EngineError(
        f"the secrets of {action.service} cannot be kept in memory: {why}",
        hint="run this as root on the engine's host, or leave out `x-stack: {secrets: tmpfs}`",
        reference="secrets-not-in-memory",
    )
