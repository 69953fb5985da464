"""`stack create`: everything that `up` makes, with nothing started."""

from __future__ import annotations

from orchestrator.cli import running, wishes
from orchestrator.cli.wiring import Context
from orchestrator.cli.wishes import Wishes
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Wishes):
    pass


def run(context: Context, options: Options) -> int:
    stack = wishes.desired(context.load(options.services), options.scale)
    policy = wishes.policy(options, context, stack, start=False)
    running.carry_out(context, stack, policy, title="create", hush=wishes.hush(options))
    return 0
