"""Who holds a host port that a container wants: the engine's complaint in, an error that names the holder out.

Separate because the question leads away from the engine: when no container publishes the port, a process of the
host does.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.engines.docker.access import Access
from orchestrator.errors import Conflict, EngineError
from orchestrator.model import naming
from orchestrator.model.actions import ContainerRef

_COMPLAINTS = ("port is already allocated", "address already in use", "ports are not available")
_HOST_PORT = re.compile(r"(?:\]|[0-9.]|::):([0-9]{1,5})\b")  # the first address is the host's
_LISTENING = "0A"


def taken(message: str) -> str | None:
    """The ``port/protocol`` that an engine complains about; "" when it does not say, None for other complaints.

    ``Bind for 0.0.0.0:80 failed: port is already allocated``, ``listen tcp4 0.0.0.0:80: bind: address already in use``,
    ``failed to bind host port for 0.0.0.0:80:172.17.0.2:8080/tcp: address already in use``
    """
    if not any(complaint in message for complaint in _COMPLAINTS):
        return None
    protocol = "udp" if "udp" in message else "tcp"
    found = _HOST_PORT.search(message)
    return f"{found[1]}/{protocol}" if found else ""


def publishes_range(container: Mapping[str, Any]) -> bool:
    bindings = (container.get("HostConfig") or {}).get("PortBindings") or {}
    return any("-" in (one.get("HostPort") or "") for places in bindings.values() for one in places or ())


def explain(access: Access, ref: ContainerRef, port: str) -> EngineError:
    number = port.partition("/")[0]
    subject = f"host port {number}" if number else "a host port"
    holder, hint = _holder(access, ref, port) if port else ("something else", "see which ports are in use: ss -ltnp")
    return Conflict(
        f'container "{ref.name}" cannot be started: {subject} is held by {holder}',
        hint=hint,
        reference="port-taken",
        status=409,
    )


def _holder(access: Access, ref: ContainerRef, port: str) -> tuple[str, str]:
    """Who it is, and what to do about it."""
    number = port.partition("/")[0]
    for other in access.client.get_json("/containers/json", {"filters": {"publish": [port]}}):
        name = other["Names"][0].removeprefix("/")
        if name == ref.name or other["Id"] == ref.id or not _publishes(other, port):
            continue
        given = other.get("Labels") or {}
        stack = given.get(naming.PROJECT, "")
        remedy = f"`stack down -p {stack}`" if stack else f"`docker stop {name}`"
        return f'container "{name}"{owner(given)}', f"change the host part of the port, or free it with {remedy}"
    process = _process(int(number), port.partition("/")[2]) if access.client.endpoint.scheme == "unix" else ""
    return (
        process or "a process on the host",
        f"change the host part of the port, or end that process (ss -ltnp | grep {number})",
    )


def _publishes(listed: Mapping[str, Any], port: str) -> bool:
    number, _, protocol = port.partition("/")
    return any(
        str(one.get("PublicPort")) == number and one.get("Type") == protocol for one in listed.get("Ports") or ()
    )


def owner(labels: Mapping[str, str]) -> str:
    """`` of stack "shop"``; empty for a container that belongs to none."""
    stack = labels.get(naming.PROJECT, "")
    return f' of stack "{stack}"' if stack else ""


def _process(port: int, protocol: str) -> str:
    """``process 123 (nginx)`` where we may look: the kernel's tables of this network namespace, then all open files."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(port, protocol)}
    if not sockets:
        return ""
    for process in filter(str.isdigit, os.listdir("/proc")):
        if any(link in sockets for link in _links(f"/proc/{process}/fd")):
            return f"process {process} ({_command(process)})"
    return ""


def _inodes(port: int, protocol: str) -> Iterator[str]:
    for table in (f"/proc/net/{protocol}", f"/proc/net/{protocol}6"):
        try:
            with open(table, encoding="ascii") as file:
                rows = [line.split() for line in file][1:]
        except OSError:
            continue
        for row in rows:
            local, state = row[1], row[3]
            if int(local.rpartition(":")[2], 16) == port and (protocol == "udp" or state == _LISTENING):
                yield row[9]


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
