"""`stack up`: bring the stack to what the file says; in the foreground with what the services print."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from orchestrator.cli import running, wishes
from orchestrator.cli.declare import flag, many, number, text
from orchestrator.cli.wiring import Context
from orchestrator.cli.wishes import Wishes, exclusive, known
from orchestrator.errors import Interrupted
from orchestrator.model.stack import Stack
from orchestrator.planner.policy import Policy
from orchestrator.records import dataclass, replace
from orchestrator.spec.files import STDIN

if TYPE_CHECKING:  # an `up` in the background needs none of these
    from orchestrator.cli.attaching import Attachment, Manner
    from orchestrator.cli.render.logs import LogPrinter
    from orchestrator.cli.watching import Watching


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(Wishes):
    detach: bool = flag("-d", "--detach", help="Leave the services running and return.")
    wait: bool = flag("--wait", help="Return when the services run, and are healthy where they say how. Implies -d.")
    wait_timeout: int | None = number("--wait-timeout", metavar="SECONDS", help="How long --wait waits at most.")
    no_start: bool = flag("--no-start", help="Make everything, start nothing.")
    no_wait: bool = flag("--no-wait", help="Exit with 75 instead of waiting when another program changes the stack.")
    abort_on_container_exit: bool = flag("--abort-on-container-exit", help="Stop everything when a container ends.")
    abort_on_container_failure: bool = flag(
        "--abort-on-container-failure", help="Stop everything when a container ends with another code than 0."
    )
    exit_code_from: str = text(
        "--exit-code-from", metavar="SERVICE", help="Exit with this service's code. Implies --abort-on-container-exit."
    )
    attach: tuple[str, ...] = many("--attach", metavar="SERVICE", help="Show only the output of these services.")
    no_attach: tuple[str, ...] = many("--no-attach", metavar="SERVICE", help="Hide the output of these services.")
    attach_dependencies: bool = flag("--attach-dependencies", help="Show the output of dependencies too.")
    no_log_prefix: bool = flag("--no-log-prefix", help="Show output without the containers' names.")
    no_color: bool = flag("--no-color", help="Show output without colours.")
    timestamps: bool = flag("--timestamps", help="Show when each line was printed.")
    raw: bool = flag("--raw", help="Pass control characters on to the terminal.")
    menu: bool | None = flag("--menu", default=None, help="Take keys: w switches the watch, d leaves it all running.")
    watch: bool = flag("-w", "--watch", help="Also bring changed files into services, and changes of the spec about.")


def run(context: Context, options: Options) -> int:
    _check(options)
    context.engine.greet()
    stack = wishes.desired(context.load(options.services), options.scale)
    policy = wishes.policy(
        options,
        context,
        stack,
        start=not options.no_start,
        wait=options.wait,
        wait_timeout=options.wait_timeout,
    )

    def bring_up() -> None:
        running.carry_out(context, stack, policy, title="up", wait=not options.no_wait, hush=wishes.hush(options))

    if options.detach or options.wait or options.no_start or context.shared.dry_run:
        bring_up()
        return 0
    from orchestrator.cli.attaching import Attachment
    from orchestrator.cli.render import logs

    printer = logs.printer(context, prefix=not options.no_log_prefix, colour=not options.no_color, raw=options.raw)
    attachment = Attachment(context, stack, _attached(stack, options), printer)
    context.on_hook = lambda name, text: printer.hook(name.removeprefix(stack.name).lstrip("-_"), text)
    watching = _watching(context, stack, options, printer, attachment)
    attachment.before_stop, attachment.stays = watching.stop, lambda: watching.on
    from orchestrator.cli import menu

    if menu.wanted(context, options.menu):
        attachment.menu = menu.Menu(printer, lambda: watching.on)
        attachment.toggle_watching = watching.toggle
    try:
        if options.watch:
            watching.check()
        _bring_up_attached(bring_up, attachment)
        if options.watch:
            watching.start()
        return attachment.follow()
    finally:
        watching.stop()
        attachment.close()


def _watching(
    context: Context, stack: Stack, options: Options, printer: LogPrinter, attachment: Attachment
) -> Watching:
    """What `--watch` begins with, and the menu may begin and end."""
    from orchestrator.cli.watching import Manner, Watching

    def anew() -> tuple[Stack, Policy]:
        fresh = wishes.desired(context.load(options.services), options.scale)
        # What was forced once is not forced again by every change of a file.
        calm = replace(options, build=False, pull="", force_recreate=False, renew_anonymous_volumes=False)
        return fresh, replace(wishes.policy(calm, context, fresh), start_finished=False)

    from_stdin = STDIN in stack.config_files
    manner = Manner(
        services=wishes.targets(options.services, stack), quiet=options.quiet_build, spec=None if from_stdin else anew
    )
    return Watching(
        context, stack, manner, printer.aside, lambda fresh: attachment.show_also(_shown(fresh, options), fresh)
    )


def _bring_up_attached(bring_up: Callable[[], None], attachment: Attachment) -> None:
    """A foreground command leaves nothing behind when it is interrupted, however early."""
    try:
        bring_up()
    except Interrupted:
        attachment.stop()
        raise


def _check(options: Options) -> None:
    exclusive("--no-build", options.no_build, "--watch", options.watch)
    foreground = (
        ("--abort-on-container-exit", options.abort_on_container_exit),
        ("--abort-on-container-failure", options.abort_on_container_failure),
        ("--attach", options.attach),
        ("--attach-dependencies", options.attach_dependencies),
        ("--watch", options.watch),
    )
    for name, given in foreground:
        exclusive("--wait", options.wait, name, given)
        exclusive("--detach", options.detach, name, given)
    exclusive(*foreground[0], *foreground[1])
    exclusive("--attach", options.attach, "--attach-dependencies", options.attach_dependencies)


def _attached(stack: Stack, options: Options) -> Manner:
    from orchestrator.cli.attaching import Manner

    return Manner(
        services=_shown(stack, options),
        abort_on_exit=options.abort_on_container_exit
        or (bool(options.exit_code_from) and not options.abort_on_container_failure),
        abort_on_failure=options.abort_on_container_failure,
        exit_code_from=known(stack, options.exit_code_from) if options.exit_code_from else "",
        timestamps=options.timestamps,
        stop_timeout=options.timeout,
        stopped=wishes.targets(options.services, stack),
    )


def _shown(stack: Stack, options: Options) -> frozenset[str]:
    """The services whose output is shown."""
    if options.attach:
        return frozenset(known(stack, name) for name in options.attach)
    named = wishes.targets(options.services, stack)
    everything = named is None or options.attach_dependencies
    chosen = frozenset(stack.services) if everything else named or frozenset()
    quiet = {name for name, service in stack.services.items() if not service.attach}
    hidden = frozenset(known(stack, name) for name in options.no_attach)
    return (chosen - quiet - hidden) | ({options.exit_code_from} & stack.services.keys())
