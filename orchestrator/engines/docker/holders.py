"""Who holds host ports: containers, from one list call, and processes of this host, from the kernel's own tables.

Ports (``8080/tcp``) come in, ``PortHolder`` values go out. Whose containers count as others is for the caller to say.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from orchestrator.engines.docker import neighbour
from orchestrator.engines.docker.client import Client
from orchestrator.model import naming
from orchestrator.model.observed import PortHolder

Json = Mapping[str, Any]
_LISTENING = "0A"


def find(client: Client, ports: Iterable[str], other: Callable[[Json], bool]) -> list[PortHolder]:
    """Containers that ``other`` is true of, and processes for ports that no container at all publishes."""
    wanted = sorted(ports)
    listed = client.get_json("/containers/json", {"filters": {"publish": wanted}})
    published = [(raw, holder) for raw in listed for holder in _published(raw, wanted)]
    unclaimed = set(wanted) - {holder.key for _, holder in published}
    found = [holder for raw, holder in published if other(raw)]
    if unclaimed and neighbour.in_this_network(client):
        found += processes(unclaimed)
    return found


def processes(ports: Iterable[str]) -> list[PortHolder]:
    """Processes that listen, where we may see them; connections alone count only for UDP, which has none."""
    return [holder for port in sorted(ports) for holder in _listeners(port)]


def _published(raw: Json, wanted: list[str]) -> Iterator[PortHolder]:
    labels = raw.get("Labels") or {}
    for one in raw.get("Ports") or ():
        holder = PortHolder(
            port=int(one.get("PublicPort") or 0),
            protocol=one.get("Type") or "tcp",
            address=one.get("IP") or "",
            container=raw["Names"][0].removeprefix("/"),
            stack=labels.get(naming.PROJECT, ""),
        )
        if holder.key in wanted:
            yield holder


def _listeners(key: str) -> Iterator[PortHolder]:
    number, _, protocol = key.partition("/")
    sockets = dict(_sockets(int(number), protocol))
    if not sockets:
        return
    owners = _owners({f"socket:[{inode}]" for inode in sockets})
    for inode, address in sockets.items():
        process = owners.get(f"socket:[{inode}]", "a process on the host")
        yield PortHolder(port=int(number), protocol=protocol, address=address, process=process)


def _sockets(port: int, protocol: str) -> Iterator[tuple[str, str]]:
    """Inodes of sockets bound to the port, with their addresses."""
    for table in (f"/proc/net/{protocol}", f"/proc/net/{protocol}6"):
        try:
            with open(table, encoding="ascii") as file:
                rows = [line.split() for line in file][1:]
        except OSError:
            continue
        for row in rows:
            address, _, number = row[1].rpartition(":")
            if int(number, 16) == port and (protocol == "udp" or row[3] == _LISTENING):
                yield row[9], _address(address)


def _address(text: str) -> str:
    """``0100007F`` is ``127.0.0.1``: words of four bytes, each in the order of the machine."""
    raw = b"".join(bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8))
    return str(IPv4Address(raw) if len(raw) == 4 else IPv6Address(raw))


def _owners(sockets: set[str]) -> dict[str, str]:
    """Sockets with the processes that have them open: ``process 123 (nginx)``."""
    found: dict[str, str] = {}
    for process in filter(str.isdigit, os.listdir("/proc")):
        for link in _links(f"/proc/{process}/fd"):
            if link in sockets:
                found.setdefault(link, f"process {process} ({_command(process)})")
        if len(found) == len(sockets):
            break
    return found


def _links(folder: str) -> Iterator[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        try:
            yield os.readlink(f"{folder}/{name}")
        except OSError:
            continue


def _command(process: str) -> str:
    try:
        with open(f"/proc/{process}/comm", encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return "?"
