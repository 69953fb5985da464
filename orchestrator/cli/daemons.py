"""The daemon of this host as the commands see it: its socket, and what it answers."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.api.client import SOCKET, Client
from orchestrator.cli.declare import text
from orchestrator.cli.wiring import Context
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """The option that says where the daemon is; the commands that talk to one have it."""

    socket: str = text("--socket", metavar="PATH", default=SOCKET, help="The daemon's Unix socket.")


def client(options: Reached) -> Client:
    return Client(options.socket)


def order(context: Context, options: Reached, stacks: Sequence[str], verb: str) -> int:
    """Ask the daemon for the same thing for each stack."""
    with client(options) as daemon:
        for name in stacks:
            daemon.order(name, verb)
            context.say(f"{name}: {verb} accepted")
    return 0


def order_host(context: Context, options: Reached, verb: str) -> int:
    """Ask the daemon for something that is not about one stack."""
    with client(options) as daemon:
        daemon.order_host(verb)
    context.say(f"{verb} accepted")
    return 0
