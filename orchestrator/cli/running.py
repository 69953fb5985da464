"""The one way in which commands change the world: one writer, a display, reconcile, and an honest end.

In: a desired stack and a policy. Out: the result of a run that succeeded; everything else is an error that says
what failed, with what the container said last, and what serves now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from orchestrator import graph
from orchestrator.cancel import CancelToken
from orchestrator.cli import recording, signals
from orchestrator.cli.render import words
from orchestrator.cli.wiring import Context
from orchestrator.controller.lock import stack_lock
from orchestrator.controller.reconcile import Result, as_seen_from, preview
from orchestrator.controller.recorder import Recorder, recorded
from orchestrator.errors import ApplyFailed, PlanError, StackError, Where
from orchestrator.events import Event, Sink, StepProgress, StepStarted
from orchestrator.model.actions import Action, BuildImage, PullImage, RunHook
from orchestrator.model.observed import ObservedState
from orchestrator.model.plan import Level, Note, Plan, StepResult
from orchestrator.model.stack import Stack
from orchestrator.planner.foresight import foreseen
from orchestrator.planner.policy import Policy

Check = Callable[[Plan, ObservedState], bool]
Remark = Callable[[Context, Stack, Policy], None]
_BRINGING = ("up", "create", "run", "scale", "deploy")


def carry_out(
    context: Context,
    stack: Stack,
    policy: Policy,
    *,
    title: str,
    wait: bool = True,
    agreed: Check | None = None,
    hush: frozenset[type[Action]] = frozenset(),
    note: Remark | None = None,
    returns_to: int | None = None,
) -> Result | None:
    """Bring ``stack`` about. ``agreed`` is shown the plan first, under the lock, and may say no.

    Of actions in ``hush`` no progress is shown. ``note`` keeps in mind, under the lock, what is meant to run from now on and what
    is not, for a controller of this host. ``returns_to`` is the revision that a rollback goes back to. ``None`` when nothing was
    carried out (``--dry-run``, or not agreed). Raises what main turns into an exit code.
    """
    if context.shared.dry_run:
        show(context, _rehearsed(context, stack, policy))
        return None
    with signals.graceful(context.cancel.set, context.say):
        return bring_about(
            context,
            stack,
            policy,
            title=title,
            cancel=context.cancel,
            wait=wait,
            agreed=agreed,
            hush=hush,
            note=note,
            returns_to=returns_to,
        )


def _rehearsed(context: Context, stack: Stack, policy: Policy) -> Plan:
    """The whole plan, also where it would stop at images: it is only read."""
    plan, observed = preview(stack, context.engine.engine, policy)
    if not policy.images_first:
        return plan
    return foreseen(plan, as_seen_from(context.engine.engine, stack), observed, policy)


def bring_about(
    context: Context,
    stack: Stack,
    policy: Policy,
    *,
    title: str,
    cancel: CancelToken,
    wait: bool = True,
    agreed: Check | None = None,
    hush: frozenset[type[Action]] = frozenset(),
    live: bool = True,
    note: Remark | None = None,
    returns_to: int | None = None,
) -> Result | None:
    """The same without a word about signals, for any thread; not ``live`` while others write on the screen."""
    with stack_lock(context.engine.id, stack.name, wait=wait, cancel=cancel, on_wait=context.say):
        first = None
        if agreed is not None:
            first = preview(stack, context.engine.engine, policy)
            if not agreed(*first):
                return None
        (note or _runs)(context, stack, policy)
        with context.display(f"{title} {stack.name}", live=live) as sink:
            shown = Telling(sink, hush, context.on_hook)
            recorder = recording.recorder(context, stack, policy, command=title, sink=shown, returns_to=returns_to)
            result = recorded(
                recorder,
                stack,
                policy,
                failure=partial(failure, stack),
                workers=context.workers,
                cancel=cancel,
                first=first,
            )
    if not result.ok:
        raise failure(stack, result, recorder)
    if live and title in _BRINGING:
        _tell_untouched(context, stack, policy, result, shown)
    return result


def _tell_untouched(context: Context, stack: Stack, policy: Policy, result: Result, told: Telling) -> None:
    """What runs already and was left alone is said too: scripts look for it."""
    meant = policy.targets
    if meant is not None and policy.dependencies:
        meant = graph.closure(graph.dependencies(stack), meant)
    found = result.observed.containers if result.observed else ()
    for container in sorted(found, key=lambda container: (container.service, container.slot)):
        chosen = container.service in stack.services and (meant is None or container.service in meant)
        if chosen and container.running and not container.oneoff and container.name not in told.touched:
            context.report(f"Container {container.name}", "Running", done=True)


def _runs(context: Context, stack: Stack, policy: Policy) -> None:
    """What is brought up is no longer stopped on purpose."""
    if policy.start and any(service.replicas for service in stack.services.values()):
        targets = policy.targets
        if targets is not None and policy.dependencies:
            targets = graph.closure(graph.dependencies(stack), targets)
        context.intents.run(stack.name, targets)


class Telling:
    """A sink that passes on everything but the progress within some actions, and knows which containers were touched.

    ``on_hook`` hears, container by container, what hooks print.
    """

    def __init__(self, sink: Sink, hush: frozenset[type[Action]], on_hook: Callable[[str, str], None] | None) -> None:
        self._sink, self._kinds, self._on_hook = sink, hush, on_hook
        self.touched: set[str] = set()

    def emit(self, event: Event) -> None:
        if isinstance(event, StepStarted):
            container = getattr(event.step.action, "container", None)
            if container is not None:
                self.touched.add(words.final_name(container))
        if isinstance(event, StepProgress) and isinstance(event.step.action, RunHook) and self._on_hook is not None:
            self._on_hook(words.final_name(event.step.action.container), event.text)
        if not (isinstance(event, StepProgress) and type(event.step.action) in self._kinds):
            self._sink.emit(event)


def show(context: Context, plan: Plan, *, as_json: bool = False) -> None:
    """Print a plan, for people or as a document."""
    if as_json:
        import json

        from orchestrator.cli.render import plan_document

        document = json.dumps(plan_document.document(plan), indent=2, ensure_ascii=False)
        context.show(context.masked(document) + "\n")
        return
    from orchestrator.cli.render import plan as plans

    context.show(context.masked(plans.text(plan, context.style(context.out))))


def _was_to_restore(failure: StepResult, service: str) -> bool:
    """Whether this step was to bring back what served before."""
    return failure.step.group.startswith(f"restore {service}.")


def failure(stack: Stack, result: Result, recorder: Recorder | None = None) -> StackError:
    """The error that says why a run did not reach the desired state, and what serves now."""
    if not result.failures:
        impossible = [note for note in result.notes if note.level is Level.ERROR]
        return impossible_because(impossible) if impossible else _unsettled(result)
    first = result.failures[0]
    lines = failures(result.failures)
    back = [name for name in result.restored if not any(_was_to_restore(one, name) for one in result.failures)]
    if back:
        lines.append(f"the earlier version serves again: {', '.join(back)}")
    if recorder is not None and recorder.serving is not None:
        lines.append(recording.standing(recorder.serving, recorder.moved - set(result.restored)))
    if recorder is not None and recorder.commit and recorder.wanted_images_alone:
        lines.append(f"commit {recorder.commit[:12]} was not taken: no container was touched")
    where = (first.error.where if first.error else None) or _place(stack, first.step.action)
    return ApplyFailed("\n".join(lines), hint=_hint(first, result, recorder), where=where)


def _place(stack: Stack, action: Action) -> Where | None:
    """Where the file asks for an image; of other things the failure says it."""
    match action:
        case BuildImage(service=service):
            return stack.where(f"services.{service}.build")
        case PullImage(services=(service, *_)):
            return stack.where(f"services.{service}.image")
        case _:
            return None


def _hint(first: StepResult, result: Result, recorder: Recorder | None) -> str:
    """What to do next. Of a container that has made room again there is no log but that in the history."""
    container = getattr(first.step.action, "container", None)
    if recorder is not None and recorder.number and container is not None and container.service in result.restored:
        return f"see all of it: stack history show {recorder.number}"
    return first.error.hint if first.error else ""


def failures(failed: tuple[StepResult, ...]) -> list[str]:
    """The first failure in full, of the others their first lines."""
    return [_failed(failed[0]), *_further(failed[1:])]


def _failed(result: StepResult) -> str:
    reason = f": {result.error.message}" if result.error else ""
    return f"{words.imperative(result.step.action)} failed{reason}"


def _further(failures: tuple[StepResult, ...]) -> list[str]:
    return [_failed(one).partition("\n")[0] for one in failures]


def impossible_because(notes: Iterable[Note]) -> StackError:
    """The error for a plan that cannot be: its notes say why."""
    first, *others = (note for note in notes if note.level is Level.ERROR)
    text = "\n".join([first.text, *(other.text for other in others)])
    return PlanError(text, where=first.where, reference=first.reference)


def _unsettled(result: Result) -> StackError:
    return ApplyFailed(
        f"the stack did not settle within {result.passes} passes",
        hint="`stack plan` shows what is still to do; something else may be changing the same objects",
        reference="not-settled",
    )
