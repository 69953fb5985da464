"""`stack prune`: remove what nobody uses of the stack; it is shown first. Volumes go only with --volumes."""

from __future__ import annotations

from orchestrator.cli import loading, ordering, pruning, recording
from orchestrator.cli.declare import flag
from orchestrator.cli.wiring import Context
from orchestrator.model.observed import Scope
from orchestrator.planner import pruning as plans
from orchestrator.records import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    force: bool = flag("-f", "--force", help="Do not ask.")
    volumes: bool = flag("--volumes", help="Volumes that no container uses too, with their data.")


def run(context: Context, options: Options) -> int:
    name = loading.name_of(context)
    protected = _protected(context) if options.volumes else frozenset()
    with pruning.alone(context, name):
        observed = context.engine.engine.observe(Scope(stack=name))
        plan = plans.prune(
            observed, dangling=pruning.dangling(context, name), volumes=options.volumes, protected=protected
        )
        pruning.carry_out(context, plan, title="prune", force=options.force)
    return 0


def _protected(context: Context) -> frozenset[str]:
    """Volumes that the file protects, those that no service uses at present too."""
    context.shared = replace(context.shared, all_resources=True)
    stack = ordering.stack_of(context)
    if stack is None:
        return recording.protected(context, loading.name_of(context))
    return frozenset(volume.name for volume in stack.volumes.values() if volume.protect)
