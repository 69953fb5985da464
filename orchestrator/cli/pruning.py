"""What `prune` and `image prune` share: one writer, the plan shown, the question, and carrying it out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.cli import asking, ordering, running, signals
from orchestrator.cli.wiring import Context
from orchestrator.controller.lock import stack_lock
from orchestrator.model import naming
from orchestrator.model.plan import Plan


@contextmanager
def alone(context: Context, stack: str) -> Iterator[None]:
    """No other run changes the stack meanwhile."""
    with (
        signals.graceful(context.cancel.set, context.say),
        stack_lock(context.engine.id, stack, wait=True, cancel=context.cancel, on_wait=context.say),
    ):
        yield


def dangling(context: Context, stack: str) -> list[str]:
    """Ids of images that were built for the stack and have no name any more."""
    built = context.engine.operations.images(labels=[f"{naming.PROJECT}={stack}"])
    return sorted(image.id for image in built if image.dangling)


def carry_out(context: Context, plan: Plan, *, title: str, force: bool) -> None:
    """Show the plan, ask, and do it."""
    if plan.empty or force:
        for note in plan.notes:
            context.say(f"warning: {note.text}")
    if plan.empty:
        context.say("nothing to remove")
        return
    if context.shared.dry_run or not force:
        running.show(context, plan)
    if context.shared.dry_run or not (force or asking.confirmed(context, "Remove all this?")):
        return
    ordering.carry_out(context, plan, title=f"{title} {plan.stack}")
