"""`stack rollback`: go back to an earlier revision of the whole stack, with the very images that it ran."""

from __future__ import annotations

from orchestrator.admission.hardening import hardened
from orchestrator.cli import asking, kept_elsewhere, loading, recording, running
from orchestrator.cli.declare import argument, flag, number, text
from orchestrator.cli.unlocking import opening
from orchestrator.cli.wiring import Context
from orchestrator.controller import rollback
from orchestrator.controller.history import Revision
from orchestrator.controller.reconcile import preview
from orchestrator.controller.revision import Restored
from orchestrator.errors import StackError, UsageError
from orchestrator.model.actions import RemoveContainer
from orchestrator.model.observed import ObservedState
from orchestrator.model.plan import Plan
from orchestrator.model.stack import Stack
from orchestrator.planner.policy import Policy
from orchestrator.records import dataclass, replace
from orchestrator.spec.admission import usual_file
from orchestrator.spec.host import permits_of
from orchestrator.spec.load import Canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    revision: str = argument("[REVISION]", "Its number; without it what served before.", required=False)
    yes: bool = flag("-y", "--yes", "--auto-approve", help="Do not ask.")
    timeout: int | None = number("-t", "--timeout", metavar="SECONDS", help="How long containers may take to stop.")
    json: bool = flag("--json", help="The plan as JSON, in the shape of plan.schema.json.")
    format: str = text("--format", metavar="HOW", choices=("", "text", "json"), help="text or json.")
    no_wait: bool = flag("--no-wait", help="Exit with 75 instead of waiting when another program changes the stack.")


def run(context: Context, options: Options) -> int:
    name = loading.name_of(context)
    daemon = kept_elsewhere.daemon_of(context, name)
    if daemon is not None:
        return kept_elsewhere.go_back(context, daemon, name, options.revision, yes=options.yes)
    target, serving = _chosen(context, name, options.revision)
    restored = _restored(context, target)
    stack = rollback.pinned(restored.stack, target, context.engine.engine)
    context.origin = rollback.origin(target)
    if context.origin:  # it was hardened when it was deployed
        stack = hardened(stack, permits_of(usual_file(context.environment)).of("", name))
    context.canonical, context.secrets = restored.canonical, stack.secret_values
    for changed in restored.changed:
        context.say(f"note: {changed}")
    policy = Policy(remove_orphans=True, never_build=True, stop_timeout=options.timeout)
    as_json = options.json or options.format == "json"
    if context.shared.dry_run:
        running.show(context, preview(stack, context.engine.engine, policy)[0], as_json=as_json)
        return 0

    def agreed(plan: Plan, _: ObservedState) -> bool:
        if _chosen(context, name, options.revision) != (target, serving):
            raise StackError(
                f'another run has changed the stack "{name}" meanwhile',
                hint="look at `stack history`, and run the command again",
                reference="history-moved",
            )
        running.show(context, plan, as_json=as_json)
        lost = [*restored.changed, *_removed(plan, stack)]
        return not lost or options.yes or _confirmed(context, lost)

    result = running.carry_out(
        context, stack, policy, title="rollback", wait=not options.no_wait, agreed=agreed, returns_to=target.number
    )
    if result is not None:
        context.say(
            f"revision {target.number} serves again; what the file says comes back with the next `stack up`"
            if result.changed
            else f"nothing to do: revision {target.number} serves"
        )
    return 0


def _chosen(context: Context, name: str, asked: str) -> tuple[Revision, int]:
    """The revision meant, and the number of the one that serves."""
    with recording.opened(context, name) as past:
        return rollback.chosen(past, recording.revision(past, asked) if asked else None)


def _restored(context: Context, target: Revision) -> Restored:
    return rollback.restored(
        target,
        key=context.key,
        environment=context.environment,
        file_now=lambda: _file_now(context, target),
        engine=context.engine.engine,
        opening=opening(context),
    )


def _file_now(context: Context, target: Revision) -> Canonical | None:
    """The files as they are, those of the command line or else those that were recorded; ``None`` if unreadable."""
    asked = loading.request(context)
    recorded = replace(
        asked,
        files=tuple(target.spec["files"]),
        env_files=tuple(target.spec["environment_files"]),
        project_directory=target.spec["directory"],
        project_name=target.spec["name"],
    )
    for request in (asked, recorded) if context.shared.files else (recorded, asked):
        try:
            found = loading.canonical(context, replace(request, profiles=("*",)))
        except StackError:
            continue
        if found.name == target.spec["name"]:
            return found
    return None


def _removed(plan: Plan, stack: Stack) -> list[str]:
    """Containers of services that the revision does not have. A replica more or less is no loss."""
    running = {service.name for service in stack.services.values() if service.replicas}
    return [
        f"{step.action.container.name}: removed, for the revision does not have its service"
        for step in plan.steps
        if isinstance(step.action, RemoveContainer) and step.action.container.service not in running
    ]


def _confirmed(context: Context, lost: list[str]) -> bool:
    listed = "\n".join(f"  {line}" for line in lost)
    if not asking.someone_there():
        raise UsageError(f"nobody is there to agree to this:\n{listed}", hint="add --yes, or look first with --dry-run")
    context.say(f"It will not be exactly as it was, or something goes:\n{listed}")
    return asking.confirmed(context, "Go back all the same?")
