"""The daemon of this host as the commands see it: its socket, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.api.client import Client
from orchestrator.cli.declare import text
from orchestrator.cli.telling import SOCKET, VARIABLE, socket_of
from orchestrator.cli.wiring import Context
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """The option that says where the daemon is; the commands that talk to one have it."""

    socket: str = text(
        "--socket",
        metavar="PATH",
        help=f"The daemon's Unix socket. Default: that of {VARIABLE}, else {SOCKET}.",
    )


def client(context: Context, options: Reached) -> Client:
    return Client(options.socket or socket_of(context.environment))


def order(context: Context, options: Reached, stacks: Sequence[str], verb: str) -> int:
    """Ask the daemon for the same thing for each stack."""
    with client(context, options) as daemon:
        for name in stacks:
            daemon.order(name, verb)
            context.say(f"{name}: {verb} accepted")
    return 0


def order_host(context: Context, options: Reached, verb: str) -> int:
    """Ask the daemon for something that is not about one stack."""
    with client(context, options) as daemon:
        daemon.order_host(verb)
    context.say(f"{verb} accepted")
    return 0
