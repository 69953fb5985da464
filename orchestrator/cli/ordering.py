"""How `start`, `stop`, `kill` and their kin go about it: find the containers meant, make the plan, carry it out.

No file is needed where the stack's name is given. Where there is one, its hooks and dependencies count.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import nullcontext
from fnmatch import fnmatchcase

from orchestrator.cli import loading, running, signals
from orchestrator.cli.wiring import Context
from orchestrator.controller.intents import Intents
from orchestrator.controller.lock import stack_lock
from orchestrator.errors import ApplyFailed, Interrupted, UnknownService
from orchestrator.events import PlanMade, Quiet
from orchestrator.executor import apply
from orchestrator.model.actions import Action
from orchestrator.model.observed import ObservedContainer, ObservedState, Scope
from orchestrator.model.plan import ApplyResult, Plan
from orchestrator.model.stack import Service, Stack
from orchestrator.spec.files import FileMissing

Chosen = list[ObservedContainer]
Make = Callable[[ObservedState, Chosen, Stack | None], Plan]
Note = Callable[[Intents, str, Collection[str]], None]


def order(
    context: Context,
    services: Sequence[str],
    make: Make,
    *,
    title: str,
    nothing: str = "",
    oneoff: bool = False,
    agreed: Callable[[Plan], bool] | None = None,
    note: Note | None = None,
) -> ApplyResult | None:
    """Carry out the plan that ``make`` makes of the containers meant. ``nothing`` is said where it is empty.

    ``note`` keeps in mind that these services are to be stopped, or to run, for a controller of this host.
    """
    stack = stack_of(context, services)
    name = stack.name if stack is not None else loading.name_of(context)
    engine = context.engine
    with (
        signals.graceful(context.cancel.set, context.say),
        stack_lock(engine.id, name, wait=True, cancel=context.cancel, on_wait=context.say),
    ):
        observed = engine.engine.observe(Scope(stack=name, details=False))
        chosen = _chosen(observed, services, stack, oneoff)
        plan = make(observed, chosen, stack)
        if context.shared.dry_run:
            running.show(context, plan)
            return None
        if note is not None:
            everything = stack.services if stack is not None and not services else ()
            note(context.intents, name, {*everything, *(container.service for container in chosen)})
        if plan.empty:
            if nothing:
                context.say(nothing)
            return None
        if agreed is not None and not agreed(plan):
            return None
        return carry_out(context, plan, title=f"{title} {name}")


def carry_out(
    context: Context, plan: Plan, *, title: str, live: bool = True, hush: frozenset[type[Action]] = frozenset()
) -> ApplyResult:
    """Carry out a plan as it is; what fails is an error that says so. Not ``live`` while others write on the screen."""
    result = run(context, plan, title=title, live=live, hush=hush)
    if not result.ok:
        raise failed(result)
    return result


def run(
    context: Context,
    plan: Plan,
    *,
    title: str,
    live: bool,
    silent: bool = False,
    hush: frozenset[type[Action]] = frozenset(),
) -> ApplyResult:
    """Carry out a plan as it is, with a display unless ``silent``; failures are in the result."""
    with context.display(title, live=live) if not silent else nullcontext(Quiet()) as display:
        sink = running.Telling(display, hush, context.on_hook)
        sink.emit(PlanMade(plan))
        result = apply(plan, context.engine.engine, workers=context.workers, sink=sink, cancel=context.cancel)
    if context.cancel.is_set():
        raise Interrupted(signal_number=context.cancel.signal_number or 2)
    return result


def failed(result: ApplyResult) -> ApplyFailed:
    """The error for a plan of which steps have failed."""
    first = result.failures[0].error
    lines = running.failures(result.failures)
    return ApplyFailed("\n".join(lines), hint=first.hint if first else "")


def stack_of(context: Context, services: Sequence[str] = (), *, contents: bool = False) -> Stack | None:
    """The stack of the file; ``None`` where there is no file but a name."""
    named = context.shared.project_name or context.environment.get("COMPOSE_PROJECT_NAME")
    try:
        return context.load(tuple(services), contents=contents)
    except FileMissing:
        if named and not context.shared.files:
            return None
        raise


def provided(stack: Stack | None, services: Sequence[str] = ()) -> list[Service]:
    """The services meant that a provider stands for."""
    own = [service for service in stack.services.values() if service.provider is not None] if stack else []
    return [service for service in own if not services or any(fnmatchcase(service.name, one) for one in services)]


def _chosen(observed: ObservedState, services: Sequence[str], stack: Stack | None, oneoff: bool) -> Chosen:
    candidates = [c for c in observed.containers if (oneoff or not c.oneoff) and not c.hook]
    known = {c.service for c in candidates}
    if stack is not None:
        known |= {*stack.services, *stack.disabled}
    for pattern in services:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise UnknownService(f"no such service: {pattern}")
    chosen = [c for c in candidates if not services or any(fnmatchcase(c.service, one) for one in services)]
    return sorted(chosen, key=lambda c: (c.service, c.slot, c.created_at, c.id))
