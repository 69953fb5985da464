"""`stack watch`: bring the services up, then bring what changes here into them, as their `develop` sections say."""

from __future__ import annotations

from queue import SimpleQueue

from orchestrator.cli import running, signals, wishes
from orchestrator.cli.declare import arguments, flag
from orchestrator.cli.watching import Manner, Watching
from orchestrator.cli.wiring import Context
from orchestrator.errors import Interrupted
from orchestrator.model.actions import BuildImage, PullImage
from orchestrator.planner.policy import Policy, Recreate
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only these services and what they depend on.")
    no_up: bool = flag("--no-up", help="Do not bring the services up first.")
    prune: bool = flag("--prune", default=True, help="Remove images that a rebuild has taken the name of.")
    quiet: bool = flag("--quiet", help="Do not show how builds get on.")


def run(context: Context, options: Options) -> int:
    stack = context.load(options.services)
    targets = wishes.targets(options.services, stack)
    manner = Manner(services=targets, prune=options.prune, quiet=options.quiet)
    watching = Watching(context, stack, manner, lambda text: _show(context, text))
    watching.check()
    if not options.no_up:
        policy = Policy(targets=targets, recreate_dependencies=Recreate.NEVER)
        hush = frozenset({BuildImage, PullImage}) if options.quiet else frozenset()
        running.carry_out(context, stack, policy, title="up", hush=hush)
    if context.shared.dry_run:
        return 0
    number = _until_signalled(watching)
    raise Interrupted(signal_number=number)


def _until_signalled(watching: Watching) -> int:
    received: SimpleQueue[int] = SimpleQueue()
    with signals.handled(received.put):
        watching.start()
        try:
            return received.get()
        finally:
            watching.stop()


def _show(context: Context, text: str) -> None:
    context.show(text + "\n")
    context.out.flush()
