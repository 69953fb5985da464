"""A network namespace for a second engine: bridges, firewall rules and ports of its own, reached over a veth pair.

``create("new")`` gives the namespace ``stack-new`` with loopback up and an address that the host can reach; published
ports of an engine inside are at that address. ``remove`` takes all of it away. Needs root and iproute2.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .commands import Problem, run, succeeds

LOCK = Path("/run/stack-netns.lock")


def path(name: str) -> Path:
    return Path("/run/netns") / f"stack-{name}"


def enter(name: str) -> list[str]:
    """The words that put a command into the namespace. (``ip netns exec`` would hide the cgroup mounts.)"""
    return ["nsenter", f"--net={path(name)}"]


def create(name: str) -> str:
    """Make the namespace, or take the one that is there; the address at which the host reaches it."""
    if path(name).exists():
        return address(name)
    with _locked():
        subnet = _free_subnet()
        run(["ip", "netns", "add", f"stack-{name}"], hint="apt-get install iproute2")
        outer, inner = _links(name)
        run(["ip", "link", "add", outer, "type", "veth", "peer", "name", inner, "netns", f"stack-{name}"])
        run(["ip", "address", "add", f"{subnet}.1/30", "dev", outer])
        run(["ip", "link", "set", outer, "up"])
        inside = ["ip", "-n", f"stack-{name}"]
        run([*inside, "link", "set", "lo", "up"])
        run([*inside, "address", "add", f"{subnet}.2/30", "dev", inner])
        run([*inside, "link", "set", inner, "up"])
        run([*inside, "route", "add", "default", "via", f"{subnet}.1"])
    return f"{subnet}.2"


def address(name: str) -> str:
    """Where the host reaches ports that are published inside."""
    shown = run(["ip", "-n", f"stack-{name}", "-json", "-4", "address", "show", "dev", _links(name)[1]])
    for link in json.loads(shown):
        for entry in link.get("addr_info", []):
            return str(entry["local"])
    raise Problem(f"the network namespace stack-{name} has no address", f"ip netns delete stack-{name}, and try again")


def remove(name: str) -> None:
    """The namespace goes and takes its links, bridges and rules along."""
    if path(name).exists():
        run(["ip", "netns", "delete", f"stack-{name}"])
    outer, _ = _links(name)
    deadline = time.monotonic() + 5
    while succeeds(["ip", "link", "show", outer]) and time.monotonic() < deadline:
        succeeds(["ip", "link", "delete", outer])


def _links(name: str) -> tuple[str, str]:
    """Interface names hold 15 characters; long engine names are cut from the left, where they differ least."""
    short = name[-11:]
    return f"sk-{short}", f"ski-{short}"


def _free_subnet() -> str:
    taken = run(["ip", "-json", "-4", "address", "show"])
    for number in range(1, 255):
        if f'"10.213.{number}.1"' not in taken:
            return f"10.213.{number}"
    raise Problem("no free subnet in 10.213.0.0/16", "end private engines that are left over: ip netns list")


@contextmanager
def _locked() -> Iterator[None]:
    """Two test workers that look for a free subnet at once must not find the same one."""
    handle = os.open(LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
