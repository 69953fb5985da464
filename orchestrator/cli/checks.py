"""What `stack doctor` looks at: each function takes what was read and says what it means, with what to do about it.

Pure but for questions to this host's disk. What an `up` itself would refuse (ports, bind sources, names) is not here: the
plan says that, and the doctor repeats it in the same words.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import IPv4Network, ip_network
from typing import Any

from orchestrator.cli.render import size
from orchestrator.model.observed import ObservedState
from orchestrator.model.plan import Level, Note
from orchestrator.model.stack import Service, Stack
from orchestrator.model.values import Resources
from orchestrator.records import dataclass

Raw = Mapping[str, Any]

LEAST_FREE = 0.10  # of the disk; below it is a warning
HARDLY_FREE = 500_000_000  # bytes; below it is an error
SPARE_NETWORKS = 3
SKEW_SECONDS = 2.0
_DEFAULT_POOLS = (*((f"172.{second}.0.0/16", 16) for second in range(17, 32)), ("192.168.0.0/16", 20))
_TOPICS = {
    "port-taken": "ports",
    "bind-source-missing": "binds",
    "name-taken": "names",
    "image-missing": "images",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``level`` INFO means that all is well."""

    check: str
    text: str
    level: Level = Level.INFO
    hint: str = ""
    where: str = ""


def engine(endpoint: str, api: str, info: Raw) -> Finding:
    version, storage = info.get("ServerVersion", "?"), info.get("Driver", "?")
    return Finding(check="engine", text=f"version {version} at {endpoint}, API {api}, storage {storage}")


def disk(info: Raw, *, local: bool) -> Finding:
    """How much is free where the engine keeps everything."""
    root = str(info.get("DockerRootDir") or "")
    try:
        usage = os.statvfs(root) if local else None
    except OSError:
        usage = None
    if usage is None:
        return Finding(check="disk", text=f"free space of {root or 'the engine'} cannot be seen from here")
    free, total = usage.f_bavail * usage.f_frsize, usage.f_blocks * usage.f_frsize
    text = f"{size.of(free)} of {size.of(total)} free in {root}"
    few = free < HARDLY_FREE
    if not few and free >= total * LEAST_FREE:
        return Finding(check="disk", text=text)
    hint = "`stack du` shows what the stack takes, `stack prune` and `docker system prune` make room"
    return Finding(check="disk", text=text, level=Level.ERROR if few else Level.WARNING, hint=hint)


def pools(info: Raw, used: Iterable[str], needed: int) -> Finding:
    """How many networks the engine can still make by itself."""
    given = [(pool["Base"], int(pool["Size"])) for pool in info.get("DefaultAddressPools") or ()]
    free = free_subnets(given or _DEFAULT_POOLS, used)
    text = f"about {free} networks can still be made" + (f"; the stack needs {needed} more" if needed else "")
    hint = "remove unused networks (`docker network prune`), give networks subnets of their own, or set default-address-pools"
    if free < needed:
        return Finding(check="networks", text=text, level=Level.ERROR, hint=hint)
    level = Level.WARNING if free < needed + SPARE_NETWORKS else Level.INFO
    return Finding(check="networks", text=text, level=level, hint=hint if level is Level.WARNING else "")


def free_subnets(given: Iterable[tuple[str, int]], used: Iterable[str]) -> int:
    """Subnets of the pools that overlap with none of those in use. Only IPv4 runs out."""
    taken = [network for text in used if isinstance(network := ip_network(text, strict=False), IPv4Network)]
    free = 0
    for text, prefix in given:
        base = ip_network(text, strict=False)
        if isinstance(base, IPv4Network) and prefix >= base.prefixlen:
            width = 1 << (32 - prefix)
            first = int(base.network_address)
            inside = [network for network in taken if network.overlaps(base)]
            gone = {index for network in inside for index in _indices(network, base, first, width)}
            free += (1 << (prefix - base.prefixlen)) - len(gone)
    return free


def _indices(network: IPv4Network, base: IPv4Network, first: int, width: int) -> range:
    low = max(int(network.network_address), first)
    high = min(int(network.broadcast_address), int(base.broadcast_address))
    return range((low - first) // width, (high - first) // width + 1)


def needed_networks(stack: Stack, observed: ObservedState) -> int:
    """Networks that an `up` would make with addresses from the engine's own pools."""
    there = {network.name for network in observed.networks}
    return sum(
        not (network.external or network.ipam or network.name in there) and network.driver in ("", "bridge")
        for network in stack.networks.values()
    )


def clock(skew: float) -> Finding:
    """How far the engine's clock is from ours, in seconds."""
    if abs(skew) < SKEW_SECONDS:
        return Finding(check="clock", text="the engine's clock agrees with this one")
    text = f"the engine's clock is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
    hint = "times of logs and ages of images are wrong by as much; set up time synchronization on both"
    return Finding(check="clock", text=text, level=Level.WARNING, hint=hint)


def limits(info: Raw, services: Iterable[Service]) -> Iterator[Finding]:
    """Limits that the file sets and the kernel of the engine does not keep."""
    unkept = {
        what: [service.name for service in services if wants(service.container.resources)]
        for what, switch, wants in _LIMITS
        if info.get(switch) is False
    }
    for what, names in unkept.items():
        if names:
            yield Finding(
                check="limits",
                text=f"the engine cannot limit {what}, which {', '.join(names)} ask{'s' if len(names) == 1 else ''} for",
                level=Level.WARNING,
                hint="enable the cgroup controller on the engine's host, or take the limit out of the file",
            )
    if not any(unkept.values()):
        version = info.get("CgroupVersion", "1")
        yield Finding(check="limits", text=f"the engine keeps the limits that are asked for (cgroup v{version})")


_LIMITS: tuple[tuple[str, str, Callable[[Resources], bool]], ...] = (
    ("memory", "MemoryLimit", lambda r: r.memory is not None),
    ("swap", "SwapLimit", lambda r: r.memory_swap is not None),
    ("cpu time", "CpuCfsQuota", lambda r: r.nano_cpus is not None or r.cpu_quota is not None),
    ("cpu shares", "CPUShares", lambda r: r.cpu_shares is not None),
    ("cpu sets", "CPUSet", lambda r: bool(r.cpuset)),
    ("processes", "PidsLimit", lambda r: r.pids_limit is not None),
)  # fmt: skip


def secrets(files: Mapping[str, str]) -> Iterator[Finding]:
    """Files of secrets, by name, that others than their owner can read."""
    open_to_others = 0
    for name, path in sorted(files.items()):
        try:
            mode = stat.S_IMODE(os.stat(path).st_mode)
        except OSError:
            continue  # loading has said so
        if mode & 0o004:
            open_to_others += 1
            yield Finding(
                check="secrets",
                text=f"the file of secret {name}, {path}, can be read by every user of this host",
                level=Level.WARNING,
                hint=f"chmod 600 {path}",
                where=f"secrets.{name}.file",
            )
    if files and not open_to_others:
        yield Finding(check="secrets", text="the files of secrets can be read by their owners alone")


def elsewhere(stack: Stack, folders: Iterable[str]) -> Iterator[Finding]:
    """Containers of a stack of the same name that were made from another folder."""
    others = sorted({folder for folder in folders if folder and folder != stack.working_dir})
    if others:
        yield Finding(
            check="names",
            text=f'containers of a stack "{stack.name}" were made from {", ".join(others)}',
            level=Level.WARNING,
            hint="if that is another one, give this one a name of its own: `name:` in the file, or -p",
        )


def planned(notes: Iterable[Note]) -> Iterator[Finding]:
    """What the plan says, sorted into the checks; an all-clear for those that it says nothing about."""
    quiet = {"ports": "the host ports of the file are free", "binds": "the bind sources are there"}
    for note in notes:
        check = _TOPICS.get(note.reference, "plan")
        quiet.pop(check, None)
        text, _, hint = note.text.partition("; ") if check in ("ports", "binds") else (note.text, "", "")
        where = "" if note.where is None else str(note.where)
        yield Finding(check=check, text=text, level=note.level, hint=hint, where=where)
    yield from (Finding(check=check, text=text) for check, text in quiet.items())
