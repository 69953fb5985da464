"""`stack deploy`: fetch a stack from a git repository, once, and bring it about as `stack up -d --wait` does."""

from __future__ import annotations

from orchestrator.cli import origins, running, wishes
from orchestrator.cli.declare import argument, flag, number
from orchestrator.cli.origins import Origin
from orchestrator.cli.wiring import Context
from orchestrator.cli.wishes import Way
from orchestrator.records import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Origin, Way):
    url: str = argument("URL", "https://..., ssh://..., or the path of a repository on this host.")
    allow_rollback: bool = flag("--allow-rollback", help="Also take a head that lies before the one deployed last.")
    detach: bool = flag("-d", "--detach", help="Return when the services run, and are healthy: as it always does.")
    wait: bool = flag("--wait", help="The same; scripts may say it.")
    wait_timeout: int | None = number("--wait-timeout", metavar="SECONDS", help="How long it waits at most.")
    no_wait: bool = flag("--no-wait", help="Exit with 75 instead of waiting when another program changes the stack.")


def run(context: Context, options: Options) -> int:
    from orchestrator.cli import delivering

    origins.check(context, options)
    wishes.checked(options, context)
    context.engine.greet()
    with delivering.delivery(context, options) as wanted:
        policy = wishes.policy(options, context, wanted.stack, wait=True, wait_timeout=options.wait_timeout)
        policy = replace(policy, images_first=True)
        running.carry_out(
            context, wanted.stack, policy, title="deploy", wait=not options.no_wait, hush=wishes.hush(options)
        )
    return 0
