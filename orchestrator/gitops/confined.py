"""Programs that handle what strangers wrote, kept to what they need: files, ports, memory, time.

In: words of a program and a ``Confinement``; out: the words that run it confined (``launcher`` carries it out in the new process).
It holds for root and for everyone: no capability but that of reading, no privilege by any program it starts, no file but the
listed ones (Landlock), no TCP but to the listed ports, no Unix sockets, so that an engine's socket is out of reach, and an end
together with ours. Kernels without Landlock (before 5.13; network rules before 6.7) leave that part out.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence

from orchestrator.records import dataclass

# What programs need of a system: themselves, their libraries, certificates, names of hosts and of users.
SYSTEM = (
    "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/usr", "/opt", "/nix", "/gnu",
    "/etc/alternatives", "/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/crypto-policies", "/etc/gnutls",
    "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime", "/etc/passwd", "/etc/group",
    "/etc/resolv.conf", "/etc/hosts", "/etc/host.conf", "/etc/gai.conf", "/etc/nsswitch.conf", "/etc/services",
    "/etc/protocols", "/etc/netsvc.conf", "/run/systemd/resolve", "/proc/self", "/proc/sys/kernel",
    "/dev/urandom", "/dev/random", "/dev/zero",
)  # fmt: skip
_LAUNCHER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "launcher.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class Confinement:
    """What a program may do beside using the system's own files. ``ports``: where to, ``None`` for anywhere, empty for nowhere.

    ``largest`` bytes a file may have that it writes; ``memory`` and ``seconds`` of processor time are each process's own.
    """

    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    ports: tuple[int, ...] | None = ()
    unix: bool = False
    largest: int = 1 << 30
    memory: int = 4 << 30
    seconds: int = 120


def command(words: Sequence[str], confinement: Confinement) -> list[str]:
    """``words``, confined. To be started by the thread that waits for its end: it is killed when that thread ends."""
    limits = {"FSIZE": confinement.largest, "AS": confinement.memory, "CPU": confinement.seconds, "CORE": 0}
    settings: dict[str, Iterable[object]] = {
        "parent": [os.getpid()],
        "limit": [f"RLIMIT_{name}:{most}" for name, most in limits.items()],
        "readable": [*SYSTEM, *confinement.readable],
        "writable": ["/dev/null", *confinement.writable],
        "port": ["any"] if confinement.ports is None else confinement.ports,
        "unix": ["allowed"] if confinement.unix else [],
    }
    given = [f"{name}={value}" for name, values in settings.items() for value in values]
    return [sys.executable, "-I", "-S", _LAUNCHER, *given, "--", *words]
