"""`stack scale`: another number of containers for some services, by the way that `up` takes."""

from __future__ import annotations

from orchestrator.cli import running, wishes
from orchestrator.cli.declare import arguments, flag
from orchestrator.cli.wiring import Context
from orchestrator.planner.policy import Policy
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    counts: tuple[str, ...] = arguments("SERVICE=N...", "How many containers a service is to have.", required=True)
    no_deps: bool = flag("--no-deps", help="Leave the services that the named ones depend on alone.")


def run(context: Context, options: Options) -> int:
    named = tuple(item.partition("=")[0] for item in options.counts)
    stack = wishes.desired(context.load(named), options.counts)
    policy = Policy(
        targets=frozenset(named), dependencies=not options.no_deps, ignore_orphans=True, start_finished=True
    )
    running.carry_out(context, stack, policy, title="scale")
    return 0
