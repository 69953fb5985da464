"""What this process can do no more, once it has said so: for one that reads what strangers wrote, and only answers.

Files below the listed folders may be read, nothing be written; no program be run, no process be made or signalled, no connection
be made, not even within this host; so much memory, processor time and open files. Root becomes nobody where nobody can read what is
to be read, and otherwise a root without powers. What a kernel does not have is left out: each part holds without the others.
"""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Collection

from orchestrator.gitops import launcher

_DEATH_SIGNAL, _NO_NEW_PRIVILEGES, _NOT_DUMPABLE = 1, 38, 4
_NEW_NETWORK = 0x40000000
_NOBODY = 65534
_SECCOMP_LOAD, _JUMP_IF_EQUAL, _JUMP_IF_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
_FOREIGN = 0x40000000  # calls by another numbering (x32) begin here
# Sockets, processes and programs, other processes' memory, signals to them; who may do what with a file, and its times; io_uring,
# which does what the others do.
_FORBIDDEN = {
    "x86_64": (
        *(41, 42, 53, 56, 57, 58, 59, 62, 90, 91, 92, 93, 94, 101, 129, 132, 188, 189, 190, 200, 234, 235),
        *(260, 261, 268, 280, 297, 310, 311, 322, 424, 425, 435, 452),
    ),
    "aarch64": (
        *(5, 6, 7, 52, 53, 54, 55, 88, 117, 129, 130, 131, 138, 198, 199, 203, 220, 221, 240, 270, 271, 281),
        *(424, 425, 435, 452),
    ),
}


def enter(folders: Collection[str], needed: Collection[str], limits: dict[str, int], parent: int) -> None:
    """Give all of that up. ``folders`` stay readable; ``needed`` are files of them that tell whether nobody can read there.

    ``limits`` are of ``resource`` by name; ``parent`` is the process with which this one ends.
    """
    for name, most in limits.items():
        launcher.limit(getattr(resource, name), most, grace=name == "RLIMIT_CPU")
    libc = launcher.LIBC
    if os.geteuid() == 0:
        libc.unshare(_NEW_NETWORK)
    libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0)
    launcher.restrict(folders, [], [])
    if os.geteuid() == 0:
        _become_nobody(needed)
    libc.prctl(_NOT_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_DEATH_SIGNAL, 9, 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit("the process that asked for this has ended")
    _forbid_calls()


def _become_nobody(needed: Collection[str]) -> None:
    os.setgroups([])
    os.setresgid(_NOBODY, _NOBODY, _NOBODY)
    os.setresuid(_NOBODY, _NOBODY, 0)
    if all(os.access(path, os.R_OK, effective_ids=True) for path in needed):
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)
        return
    os.setresuid(0, 0, 0)
    os.setresgid(0, 0, 0)
    launcher.drop_capabilities(kept=0)


def _forbid_calls() -> None:
    known = launcher.ARCHITECTURES.get(os.uname().machine)
    if known is None:
        return
    numbers = _FORBIDDEN[os.uname().machine]
    count = len(numbers)
    steps = [
        (_SECCOMP_LOAD, 0, 0, 4),  # the architecture
        (_JUMP_IF_EQUAL, 0, count + 3, known[0]),
        (_SECCOMP_LOAD, 0, 0, 0),  # the call
        (_JUMP_IF_LEAST, count + 1, 0, _FOREIGN),
        *((_JUMP_IF_EQUAL, count - index, 0, number) for index, number in enumerate(numbers)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _REFUSE),
    ]
    launcher.filter_calls(steps)
