"""`stack image prune`: remove images that were built for the stack and that nothing names or uses any more."""

from __future__ import annotations

from orchestrator.cli import loading, pruning
from orchestrator.cli.declare import flag
from orchestrator.cli.wiring import Context
from orchestrator.planner import pruning as plans
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    force: bool = flag("-f", "--force", help="Do not ask.")


def run(context: Context, options: Options) -> int:
    name = loading.name_of(context)
    with pruning.alone(context, name):
        used = {container.image_id for container in context.engine.console.containers()}
        plan = plans.images(name, [image for image in pruning.dangling(context, name) if image not in used])
        pruning.carry_out(context, plan, title="prune", force=options.force)
    return 0
