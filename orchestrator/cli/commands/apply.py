"""`stack apply`: carry out a plan exactly as it was shown: one from a file, or one made now and agreed to."""

from __future__ import annotations

from typing import Any

from orchestrator.cli import asking, planfile, running, wishes
from orchestrator.cli.declare import argument, flag
from orchestrator.cli.options import Shared
from orchestrator.cli.render.plan_document import Document
from orchestrator.cli.wiring import Context
from orchestrator.cli.wishes import Wishes
from orchestrator.errors import UsageError
from orchestrator.model.observed import ObservedState
from orchestrator.model.plan import Plan
from orchestrator.model.stack import Stack
from orchestrator.planner.policy import Policy
from orchestrator.records import dataclass, fields, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    plan: str = argument("[PLANFILE]", "What `stack plan --out` wrote; without it a plan is made now.", required=False)
    yes: bool = flag("-y", "--yes", "--auto-approve", help="Do not ask.")
    no_wait: bool = flag("--no-wait", help="Exit with 75 instead of waiting when another program changes the stack.")


def run(context: Context, options: Options) -> int:
    if options.plan:
        return _from_file(context, options)
    stack = context.load()
    policy = wishes.policy(Wishes(), context, stack)
    if not options.yes and not context.shared.dry_run and not asking.someone_there():
        raise UsageError(
            "nobody is there to agree to the plan", hint="add --yes, or `stack plan --out FILE` and `stack apply FILE`"
        )

    def agreed(plan: Plan, _: ObservedState) -> bool:
        running.show(context, plan)
        if plan.empty:
            return True  # waits may remain
        return options.yes or asking.confirmed(context, "Carry it out?")

    _carry_out(context, stack, policy, options, agreed)
    return 0


def _from_file(context: Context, options: Options) -> int:
    """Load, look and plan again; go on only if that gives the very same steps."""
    content = planfile.read(options.plan)
    request = content["origin"]["request"]
    context.shared = _with_request(context.shared, request)
    stack = wishes.desired(context.load(tuple(request["services"])), tuple(request["scale"]))
    policy = planfile.policy(content)

    def unchanged(plan: Plan, observed: ObservedState) -> bool:
        made = planfile.Made(plan=plan, stack=stack, observed=observed, policy=policy)
        planfile.check(content, made, engine=context.engine.id)
        return True

    _carry_out(context, stack, policy, options, unchanged)
    return 0


def _carry_out(context: Context, stack: Stack, policy: Policy, options: Options, agreed: running.Check) -> None:
    running.carry_out(context, stack, policy, title="apply", wait=not options.no_wait, agreed=agreed)


def _with_request(shared: Shared, request: Document) -> Shared:
    """The options the plan was made with, where the command line does not say otherwise."""
    unsaid = {item.name for item in fields(shared) if not getattr(shared, item.name)}
    said: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in request["shared"].items()
        if name in unsaid
    }
    return replace(shared, **said)
