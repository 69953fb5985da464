"""What a run needs to be remembered, out of the context of a command line; and a stack's history, opened to be read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from orchestrator.cli import state
from orchestrator.cli.wiring import Context
from orchestrator.controller.places import path_of
from orchestrator.controller.recorder import Recorder, Setting, leaves_rollback
from orchestrator.errors import UsageError
from orchestrator.events import Sink
from orchestrator.model.plan import Note
from orchestrator.model.stack import Stack
from orchestrator.planner.policy import Policy

if TYPE_CHECKING:
    from orchestrator.controller.history import History, Revision


def recorder(
    context: Context, stack: Stack, policy: Policy, *, command: str, sink: Sink, returns_to: int | None = None
) -> Recorder:
    """The recorder of one run."""
    connected = context.engine
    setting = Setting(
        directory=state.directory(context.environment),
        engine_id=connected.id,
        environment=context.environment,
        key=lambda: context.key,
        engine=connected.engine,
        console=lambda: connected.console,
        mask=context.masked,
        say=context.say,
    )
    return Recorder(
        setting,
        stack,
        policy,
        context.canonical,
        command=command,
        sink=sink,
        returns_to=returns_to,
        origin=context.origin,
    )


def opened(context: Context, stack: str) -> History:
    """The history of ``stack``, to be read."""
    from orchestrator.controller.history import History

    path = path_of(state.directory(context.environment), context.engine.id, stack)
    if not os.path.exists(path):
        raise UsageError(
            f'there is no history of the stack "{stack}" on this engine',
            hint="it begins with the first `stack up`, and each user and host has their own",
            reference="no-history",
        )
    return History(path, reading=True)


def notes(context: Context, stack: str) -> tuple[Note, ...]:
    """What the history has to say about a plan made from the files; nothing where it cannot be read."""
    path = path_of(state.directory(context.environment), context.engine.id, stack)
    if not os.path.exists(path):
        return ()
    from orchestrator.controller.history import History, HistoryUnusable

    try:
        with History(path, reading=True) as past:
            serving = past.serving(whole=False)
    except HistoryUnusable:
        return ()
    return () if serving is None or serving.returns_to is None else (leaves_rollback(serving),)


def protected(context: Context, stack: str) -> frozenset[str]:
    """Without a file: the volumes that the file protected when it was last applied, as far as that is remembered."""
    path = path_of(state.directory(context.environment), context.engine.id, stack)
    if not os.path.exists(path):
        return frozenset()
    from orchestrator.controller.history import History

    with History(path, reading=True) as past:
        models = [one.spec["model"] for one in past.applied() if "model" in one.spec]
    volumes: dict[str, Any] = (models[0].get("volumes") or {}) if models else {}
    own = {key: (node or {}).get("x-stack") or {} for key, node in volumes.items()}
    return frozenset(volumes[key].get("name", key) for key, said in own.items() if said.get("protect"))


def standing(serving: Revision, moved: Iterable[str]) -> str:
    """What is there after a run that failed."""
    exceptions = ", ".join(sorted(moved))
    back = f" (back to {serving.returns_to})" if serving.returns_to else ""
    return f"revision {serving.number}{back} serves" + (f", but for {exceptions}" if exceptions else "")


def revision(past: History, text: str) -> Revision:
    """The revision of that number."""
    found = past.get(int(text)) if text.isascii() and text.isdecimal() and len(text) < 15 else None
    if found is None:
        raise UsageError(
            f"there is no revision {text}", hint="`stack history` lists those there are", reference="no-such-revision"
        )
    return found
