"""`stack rm`: remove containers that do not run; with -s stop them first."""

from __future__ import annotations

from orchestrator.cli import asking, ordering
from orchestrator.cli.declare import arguments, flag
from orchestrator.cli.render import words
from orchestrator.cli.wiring import Context
from orchestrator.model.actions import RemoveContainer
from orchestrator.model.plan import Plan
from orchestrator.planner import orders
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only containers of these services.")
    all: bool = flag("-a", "--all", hidden=True, help="Does nothing, as in Compose.")
    force: bool = flag("-f", "--force", help="Do not ask.")
    stop: bool = flag("-s", "--stop", help="Stop containers first.")
    volumes: bool = flag("-v", "--volumes", help="Remove their anonymous volumes too.")


def run(context: Context, options: Options) -> int:
    def agreed(plan: Plan) -> bool:
        if options.force:
            return True
        names = [words.of(step.action).name for step in plan.steps if isinstance(step.action, RemoveContainer)]
        return asking.confirmed(context, f"Going to remove {', '.join(names)}. Are you sure?")

    ordering.order(
        context,
        options.services,
        lambda observed, chosen, stack: orders.remove(
            observed, chosen, stack, stopping=options.stop, volumes=options.volumes
        ),
        title="rm",
        nothing="No stopped containers",
        oneoff=True,
        agreed=agreed,
    )
    return 0
