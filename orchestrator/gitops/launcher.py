"""Run as a program of its own: take away from this process what the next one must not have, then become it.

``python -I -S launcher.py NAME=VALUE... -- PROGRAM ARGUMENT...``; what is to be named ``confined`` knows. It imports nothing of
ours and as little of the standard library as can be: it runs before each git command, and its imports are most of what that costs.
What a kernel does not know is left out; nothing else is.
"""

from __future__ import annotations

import ctypes
import os
import resource
import struct
import sys

TYPE_CHECKING = False  # typing and collections.abc take longer to import than all of the above
if TYPE_CHECKING:
    from collections.abc import Collection

LIBC = ctypes.CDLL(None, use_errno=True)
_SET_DEATH_SIGNAL, _NO_NEW_PRIVILEGES, _DROP_FROM_BOUNDS, _SECCOMP = 1, 38, 24, 22
_READ_ANYTHING = 2  # CAP_DAC_READ_SEARCH: repositories and keys of other users of this host
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER, _REFER, _TRUNCATE = (1 << bit for bit in (0, 1, 2, 3, 13, 14))
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_CONNECT = 1 << 1
ARCHITECTURES = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}  # audit number, number of socket(2)
_UNIX = 1


def main(words: list[str]) -> None:
    end = words.index("--")
    given, program = _given(words[:end]), words[end + 1 :]
    LIBC.prctl(_SET_DEATH_SIGNAL, 9, 0, 0, 0)
    if [str(os.getppid())] != given["parent"]:
        raise SystemExit("the process that asked for this has ended")
    for text in given["limit"]:
        name, _, most = text.partition(":")
        limit(getattr(resource, name), int(most))
    path = _path(program[0])
    if os.geteuid() == 0:
        drop_capabilities()
    LIBC.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    restrict(
        given["readable"], given["writable"], None if given["port"] == ["any"] else [int(one) for one in given["port"]]
    )
    if not given["unix"]:
        _forbid_unix_sockets()
    os.execv(path, program)


def _path(program: str) -> str:
    """Where it is. ``os.execvp`` would import something for that when the library can no longer be read."""
    folders = os.environ.get("PATH", os.defpath).split(os.pathsep) if "/" not in program else []
    found = (os.path.join(folder, program) for folder in folders)
    return next((path for path in found if os.access(path, os.X_OK)), program)


def _given(words: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {name: [] for name in ("parent", "limit", "readable", "writable", "port", "unix")}
    for word in words:
        name, _, value = word.partition("=")
        found[name].append(value)
    return found


def limit(kind: int, most: int, grace: int = 0) -> None:
    """Bound a resource; with ``grace`` the process is told at ``most`` and ended at that much more."""
    _, hard = resource.getrlimit(kind)
    last = most + grace if hard == resource.RLIM_INFINITY else min(most + grace, hard)
    resource.setrlimit(kind, (min(most, last), last))


def drop_capabilities(kept: int = 1 << _READ_ANYTHING) -> None:
    """Root without root's powers, but for reading: it owns what root owns, and Landlock says how much of that it sees."""
    for number in range(64):
        if not kept >> number & 1:
            LIBC.prctl(_DROP_FROM_BOUNDS, number, 0, 0, 0)
    header = struct.pack("<Ii", 0x20080522, 0)
    LIBC.capset(header, struct.pack("<6I", kept, kept, 0, 0, 0, 0))


def restrict(readable: Collection[str], writable: Collection[str], ports: Collection[int] | None) -> None:
    """Landlock: nothing below ``readable`` but reading, anything below ``writable``, TCP to ``ports`` (None: anywhere)."""
    version = LIBC.syscall(_CREATE_RULESET, None, 0, 1)
    if version < 1:
        return
    everything = (1 << 13) - 1 | (_REFER if version > 1 else 0) | (_TRUNCATE if version > 2 else 0)
    attributes = [everything] + ([_CONNECT if ports is not None else 0] if version > 3 else [])
    packed = struct.pack(f"<{len(attributes)}Q", *attributes)
    ruleset = LIBC.syscall(_CREATE_RULESET, packed, len(packed), 0)
    if ruleset < 0:
        return
    for path in readable:
        _permit(ruleset, path, (_EXECUTE | _READ_FILE | _READ_FOLDER) & everything)
    for path in writable:
        _permit(ruleset, path, everything)
    if version > 3:
        for port in ports or ():
            LIBC.syscall(_ADD_RULE, ruleset, 2, struct.pack("<QQ", _CONNECT, port), 0)
    LIBC.syscall(_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)


def _permit(ruleset: int, path: str, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # not every system has each of these folders
    if not os.path.isdir(path):
        rights &= _OF_FILES
    LIBC.syscall(_ADD_RULE, ruleset, 1, struct.pack("<Qi", rights, handle), 0)
    os.close(handle)


def _forbid_unix_sockets() -> None:
    """A BPF filter: ``socket(AF_UNIX, ...)`` fails. Landlock does not keep from sockets in the file system, as the engine's."""
    known = ARCHITECTURES.get(os.uname().machine)
    if known is None:
        return
    audit, number = known
    steps = [
        (0x20, 0, 0, 4),  # the architecture
        (0x15, 0, 5, audit),
        (0x20, 0, 0, 0),  # the call
        (0x15, 0, 3, number),
        (0x20, 0, 0, 16),  # its first argument
        (0x15, 0, 1, _UNIX),
        (0x06, 0, 0, 0x00050000 | 97),  # EAFNOSUPPORT
        (0x06, 0, 0, 0x7FFF0000),  # all others
    ]
    filter_calls(steps)


def filter_calls(steps: list[tuple[int, int, int, int]]) -> None:
    """Put a BPF filter over all further system calls of this process."""
    code = ctypes.create_string_buffer(b"".join(struct.pack("<HBBI", *step) for step in steps))
    program = struct.pack("<HxxxxxxQ", len(steps), ctypes.addressof(code))
    LIBC.prctl(_SECCOMP, 2, program, 0, 0)


if __name__ == "__main__":
    main(sys.argv[1:])
