"""Whether the engine lives where we do: on this machine, and in this network. Only then do our own files and ports tell of its.

The kernel knows who listens on a Unix socket. A process in a container that was given the host's socket does not see
that process at all, and an engine in a network namespace of its own is seen to be in another one.
"""

from __future__ import annotations

import os
import socket
import struct

from orchestrator.engines.docker.client import Client

_CREDENTIALS = struct.Struct("3i")
_PATIENCE = 2.0


def on_this_machine(client: Client) -> bool:
    """Whether paths here are the engine's paths."""
    return _listener(client) > 0


def in_this_network(client: Client) -> bool:
    """Whether ports here are the engine's ports; where that cannot be seen, being on this machine has to do."""
    process = _listener(client)
    if process <= 0:
        return False
    try:
        return os.readlink(f"/proc/{process}/ns/net") == os.readlink("/proc/self/ns/net")
    except OSError:
        return True


def _listener(client: Client) -> int:
    """The process that listens on the engine's socket; 0 where it is not to be seen from here."""
    if client.endpoint.scheme != "unix":
        return 0
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(_PATIENCE)
            probe.connect(client.endpoint.address)
            raw = probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    except (OSError, AttributeError):
        return 0
    return int(_CREDENTIALS.unpack(raw)[0])
