"""`stack logs`: what the containers of the stack have printed, and with -f what they go on to print."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from orchestrator.cli import containers, loading, ordering, signals, times
from orchestrator.cli.declare import arguments, flag, number, text
from orchestrator.cli.render import logs
from orchestrator.cli.render.logs import LogPrinter
from orchestrator.cli.wiring import Context
from orchestrator.engines.console import Console, Happenings, Listed, Logs, LogWish, Said
from orchestrator.errors import EngineError, Interrupted, UsageError
from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    services: tuple[str, ...] = arguments("[SERVICE]...", "Only containers of these services.")
    follow: bool = flag("-f", "--follow", help="Go on showing what is printed.")
    index: int | None = number("--index", help="Only this replica of the one service named.")
    no_color: bool = flag("--no-color", help="Without colours.")
    no_log_prefix: bool = flag("--no-log-prefix", help="Without the containers' names.")
    since: str = text("--since", metavar="TIME", help="Only what was printed since then (10m, 2026-01-02T15:04).")
    until: str = text("--until", metavar="TIME", help="Only what was printed until then.")
    tail: str = text("-n", "--tail", metavar="N", default="all", help="Begin with the last N lines of each container.")
    timestamps: bool = flag("-t", "--timestamps", help="Show when each line was printed.")
    raw: bool = flag("--raw", help="Pass control characters on to the terminal.")


def run(context: Context, options: Options) -> int:
    if options.index and len(options.services) != 1:
        raise UsageError("--index needs exactly one service", hint="name the service whose replica is meant")
    if options.tail != "all" and not options.tail.lstrip("-").isdigit():
        raise UsageError(f"--tail {options.tail!r} is no number", hint='a number of lines, or "all"')
    name = loading.name_of(context)
    reading = _Reading(context, options, name)
    return reading.follow() if options.follow else reading.once()


class _Reading:
    """One run of the command."""

    def __init__(self, context: Context, options: Options, stack: str) -> None:
        self.context, self.options, self.stack = context, options, stack
        self.console: Console = context.engine.console
        self.logs: Logs = self.console.logs()
        self.printer: LogPrinter = logs.printer(
            context,
            prefix=not options.no_log_prefix,
            colour=not options.no_color,
            raw=options.raw,
            flush=options.follow,
        )
        self.since = times.moment(options.since, "--since")
        self.until = times.moment(options.until, "--until")

    def once(self) -> int:
        self.add(self.found())
        self.logs.finish_adding()
        self.print_all()
        return 0

    def follow(self) -> int:
        """Until interrupted, or nothing of the stack can say anything more; containers that begin later join."""
        happenings = self.console.happenings(self.stack)
        found = self.found()
        self.add(found)
        if not any(container.running for container in found):
            self.logs.finish_adding()
        received: list[int] = []

        def stop(number: int) -> None:
            received.append(number)
            self.logs.close()

        threading.Thread(target=self._listen, args=(happenings,), daemon=True).start()
        with signals.handled(stop):
            self.print_all()
        happenings.close()
        if received:
            raise Interrupted(signal_number=received[0])
        return 0

    def found(self) -> list[Listed]:
        """The containers meant. Services with ``attach: false`` are left out unless named."""
        everything = containers.of_stack(self.context, self.stack)
        found = containers.of_services(self.context, everything, self.options.services)
        if not self.options.services:
            quiet = _quiet_services(self.context)
            found = [container for container in found if container.service not in quiet]
        return [c for c in found if not self.options.index or c.slot == self.options.index]

    def add(self, found: Sequence[Listed], *, later: bool = False) -> None:
        self.printer.know({container.id: containers.short_name(container) for container in found})
        for container in found:
            wish = LogWish(
                container=container.id,
                follow=self.options.follow,
                tail="all" if later else self.options.tail,
                since=self.console.ended(container.id).lines_since if later else self.since,
                until=self.until,
                timestamps=self.options.timestamps,
            )
            try:
                self.logs.add(wish)
            except EngineError as problem:
                self.context.say(f"warning: {container.name}: {problem.message}")

    def print_all(self) -> None:
        for item in self.logs:
            if isinstance(item, Said):
                self.printer.line(item)
            else:
                self.printer.silent(item.container)
        self.printer.flush()

    def _listen(self, happenings: Happenings) -> None:
        try:
            for happened in happenings:
                if happened.action != "start":
                    continue
                later = [container for container in self.found() if container.id == happened.container]
                self.add(later, later=True)
        except EngineError:
            pass  # the logs end as well then


def _quiet_services(context: Context) -> frozenset[str]:
    """Services that do not want to be shown; none where there is no file to say so."""
    stack = ordering.stack_of(context) if not context.shared.project_name else None
    return frozenset(name for name, service in (stack.services if stack else {}).items() if not service.attach)
