"""A stack that the daemon of this host keeps with a history of its own, that of another user, or from a repository.

What we would go back to by our history, the daemon would take for drift, and it alone knows what a source is permitted: it has to
go back itself.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from orchestrator.cli import asking, state, telling
from orchestrator.cli.wiring import Context
from orchestrator.controller.lock import is_kept
from orchestrator.errors import StackError, UsageError

if TYPE_CHECKING:
    from orchestrator.api.client import Client

PATIENCE = 3600.0  # seconds that a way back may take


def daemon_of(context: Context, stack: str) -> Client | None:
    """The daemon to ask. ``None`` where the stack is not kept, lies on this host and is kept with the caller's own history, or
    nobody can be asked. A dry run with that history shows its plan here.
    """
    if not is_kept(context.engine.id, stack):
        return None
    socket = telling.socket_of(context.environment)
    if not os.access(socket, os.W_OK):
        if os.path.exists(socket):
            context.say(f"note: the daemon of this host keeps {stack} and may undo this; its user can have it go back")
        return None
    from orchestrator.api.client import Client

    found = Client(socket, timeout=PATIENCE)
    try:
        host = found.host()
    except StackError:
        return None
    sources = {one["name"]: one["source"] for one in host["stacks"]}
    own = os.path.realpath(state.directory(context.environment)) == os.path.realpath(host["state"])
    here = own and (context.shared.dry_run or not sources.get(stack))
    return found if stack in sources and not here and host["engine"] == context.engine.id else None


def go_back(context: Context, daemon: Client, stack: str, asked: str, *, yes: bool) -> int:
    """Have the daemon go back to a revision of its own history (by number, "" for the one before); the exit code."""
    if asked and not asked.isdecimal():
        raise UsageError(f"{asked!r} is no number of a revision of the daemon's history", reference="no-such-revision")
    target = f"revision {asked}" if asked else "the revision before"
    context.say(f"the daemon of this host keeps {stack}: it goes back to {target} of its own history")
    if context.shared.dry_run:
        return 0
    if not yes and asking.someone_there() and not asking.confirmed(context, "Go back?"):
        return 1
    answer = daemon.rollback(stack, int(asked) if asked else None)
    for note in answer["notes"]:
        context.say(f"note: {note}")
    if not answer["ok"]:
        raise StackError(
            f"going back to revision {answer['revision']} failed",
            hint=f"`stack daemon status {stack}` says what the daemon sees",
            reference="rollback-failed",
        )
    context.say(f"revision {answer['revision']} serves again, until the file says something new")
    return 0
