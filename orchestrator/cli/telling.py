"""Telling the daemon of this host what is stopped on purpose, and what is to run again: its state may be another user's.

Where no daemon answers, or it does not keep that stack, nothing is lost: it would not have acted.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from orchestrator.errors import StackError

SOCKET = "/run/stack/stack.sock"
VARIABLE = "STACK_DAEMON_SOCKET"
PATIENCE = 2.0  # seconds


def socket_of(environment: Mapping[str, str]) -> str:
    """Where the daemon of this host is to be found."""
    return environment.get(VARIABLE) or SOCKET


def tell(
    environment: Mapping[str, str], engine_id: str, stack: str, verb: str, services: frozenset[str] | None
) -> None:
    """``verb`` is stop, down or run; ``services`` ``None`` means all."""
    socket = socket_of(environment)
    if not os.access(socket, os.W_OK):
        return
    from orchestrator.api.client import Client  # few hosts have a daemon, and most commands stop nothing

    try:
        Client(socket, timeout=PATIENCE).intend(stack, verb, services, engine=engine_id)
    except StackError:
        return
