"""`stack prune`: remove what nobody uses of the stack; it is shown first. Volumes go only with --volumes."""

from __future__ import annotations

from orchestrator.cli import loading, pruning
from orchestrator.cli.declare import flag
from orchestrator.cli.wiring import Context
from orchestrator.model.observed import Scope
from orchestrator.planner import pruning as plans
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    force: bool = flag("-f", "--force", help="Do not ask.")
    volumes: bool = flag("--volumes", help="Volumes that no container uses too, with their data.")


def run(context: Context, options: Options) -> int:
    name = loading.name_of(context)
    with pruning.alone(context, name):
        observed = context.engine.engine.observe(Scope(stack=name))
        plan = plans.prune(observed, dangling=pruning.dangling(context, name), volumes=options.volumes)
        pruning.carry_out(context, plan, title="prune", force=options.force)
    return 0
