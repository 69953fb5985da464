"""`up` in the foreground: the services' output on one screen until they end or someone says stop.

One thread prints lines, one listens to the engine; the main thread alone decides, from a queue that signals write
to as well. The first Ctrl-C stops the services in order, the second kills them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

from orchestrator.cancel import CancelToken
from orchestrator.cli import containers, ordering, signals
from orchestrator.cli import menu as menus
from orchestrator.cli.menu import Menu
from orchestrator.cli.render.logs import LogPrinter
from orchestrator.cli.wiring import Context
from orchestrator.controller.lock import stack_lock
from orchestrator.engines.console import Ended, Happened, LogWish, Said, Silent
from orchestrator.errors import ApplyFailed, EngineError, Interrupted
from orchestrator.model.observed import ObservedContainer, ObservedState, Scope
from orchestrator.model.plan import Plan
from orchestrator.model.stack import Stack
from orchestrator.planner import orders
from orchestrator.records import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """What to show, and what ends it. ``services`` are those whose output is shown."""

    services: frozenset[str]
    abort_on_exit: bool = False
    abort_on_failure: bool = False
    exit_code_from: str = ""
    timestamps: bool = False
    stop_timeout: float | None = None
    stopped: frozenset[str] | None = None  # the services that a stop is for; None: all of the stack's


@dataclass(frozen=True, slots=True)
class _Signalled:
    number: int


@dataclass(frozen=True, slots=True)
class _Pressed:
    key: str


@dataclass(frozen=True, slots=True)
class _Over:
    """No more lines can come; ``problem`` is why, if that is a problem."""

    problem: BaseException | None = None


@dataclass(frozen=True, slots=True)
class _Followed:
    """``run`` is when the run that is followed began, by the engine's clock."""

    name: str
    service: str
    run: str


Item = Silent | Happened | _Signalled | _Pressed | _Over


class Attachment:
    """Made before the services are brought up, so that nothing they do is missed; then ``follow``, then ``close``."""

    def __init__(self, context: Context, stack: Stack, manner: Manner, printer: LogPrinter) -> None:
        self._context, self._stack, self._manner, self._printer = context, stack, manner, printer
        self._console = context.engine.console
        self._queue: SimpleQueue[Item] = SimpleQueue()
        self._happenings = self._console.happenings(stack.name)
        before = containers.of_stack(context, stack.name)
        self._ran_before = {c.id for c in before if c.running}
        # When the latest run of each container ended: where the lines of its next one begin.
        self._ended = {c.id: self._console.ended(c.id).ended_at for c in before if not c.running}
        self._logs = self._console.logs()
        self._following: dict[str, _Followed] = {}
        self._alive: set[str] = set()
        self._started: dict[str, int] = {}  # in which order
        self.before_stop: Callable[[], None] = lambda: None  # what must let go of the stack first
        self.menu: Menu | None = None
        self.toggle_watching: Callable[[], None] = lambda: None
        self.stays: Callable[[], bool] = lambda: False  # whether it goes on although nothing runs any more
        threading.Thread(target=self._listen, daemon=True, name="happenings").start()

    def follow(self) -> int:
        """Show what the services say until all or one of them ends it, or a signal; the exit code."""
        with signals.handled(lambda number: self._queue.put(_Signalled(number))):
            self._attach_all()
            if not self._following and not self.stays():
                return 0
            threading.Thread(target=self._print_on, daemon=True, name="logs").start()
            if self.menu is None:
                return self._decide()
            with self.menu.open(lambda key: self._queue.put(_Pressed(key))):
                return self._decide()

    def show_also(self, services: frozenset[str], stack: Stack) -> None:
        """Go on with a stack that has taken the other's place, and show these services too."""
        self._stack = stack
        self._manner = replace(self._manner, services=self._manner.services | services)

    def stop(self) -> None:
        """Stop the services in order; on a further signal kill them."""
        self._printer.footer("")
        self._context.say("Gracefully Stopping... press Ctrl+C again to force")
        cancel = self._context.cancel = CancelToken()
        with signals.handled(cancel.set):
            self.before_stop()
            try:
                self._carry_out(self._stop_order, cancel)
                return
            except Interrupted:
                pass
            except ApplyFailed:
                if not cancel.is_set():
                    raise
        self._context.cancel = CancelToken()
        self._carry_out(lambda observed, chosen: orders.kill(observed, chosen, signal="SIGKILL"), None)

    def close(self) -> None:
        self._happenings.close()
        self._logs.close()

    def _listen(self) -> None:
        try:
            for happened in self._happenings:
                if happened.action == "start":
                    self._queue.put(happened)
        except EngineError:
            pass  # the logs end as well then, and say so

    def _print_on(self) -> None:
        try:
            for item in self._logs:
                if isinstance(item, Said):
                    self._printer.line(item)
                else:
                    self._queue.put(item)
        except Exception as problem:  # whatever it is, the main thread must not wait for lines that cannot come
            self._queue.put(_Over(problem))
            return
        self._queue.put(_Over())

    def _attach_all(self) -> None:
        while not self._queue.empty():
            item = self._queue.get()
            if isinstance(item, Happened):
                self._started.setdefault(item.container, len(self._started))
        found = [c for c in containers.of_stack(self._context, self._stack.name) if c.service in self._manner.services]
        shown = [c for c in found if c.running or c.id in self._started]
        self._printer.know({c.id: containers.short_name(c) for c in shown})
        if shown:
            self._context.say("Attaching to " + ", ".join(containers.short_name(c) for c in shown))
        for container in sorted(shown, key=lambda one: self._started.get(one.id, -1)):  # who began first speaks first
            fresh = container.id in self._started or container.id not in self._ran_before
            since = self._ended.get(container.id, "") if fresh else None
            self._add(container.id, container.name, container.service, since)

    def _add(self, container: str, name: str, service: str, since: str | None) -> None:
        """Follow a container from a moment on; ``None``: from now on."""
        run = self._console.ended(container).started_at
        wish = LogWish(
            container=container,
            follow=True,
            since=since or "",
            tail="0" if since is None else "all",
            timestamps=self._manner.timestamps,
        )
        try:
            self._logs.add(wish)
        except EngineError as problem:
            self._context.say(f"warning: {name}: {problem.message}")
            return
        self._following[container] = _Followed(name, service, run)
        self._alive.add(container)

    def _decide(self) -> int:
        while True:
            match self._queue.get():
                case _Signalled(number):
                    self.stop()
                    raise Interrupted(signal_number=number)
                case _Over(problem):
                    if problem is not None:
                        raise problem
                    return 0
                case Happened() as happened:
                    self._took_up(happened)
                case _Pressed(key):
                    if key == menus.DETACH:
                        return 0
                    self._pressed(key)
                case Silent(container):
                    code = self._fell_silent(container)
                    if code is not None:
                        return code
                    if not self._alive and not self.stays():
                        return 0

    def _pressed(self, key: str) -> None:
        assert self.menu is not None
        if key == menus.WATCH:
            self.toggle_watching()
            self.menu.show()
        elif key == menus.ENTER:
            self._printer.blank()

    def _took_up(self, happened: Happened) -> None:
        """A container began. One that is followed is left alone: its end tells of the new run too."""
        if happened.service not in self._manner.services or happened.container in self._following:
            return
        stem = happened.name.removeprefix(self._stack.name).lstrip("-_")
        self._printer.know({happened.container: stem or happened.name})
        self._add(happened.container, happened.name, happened.service, self._ended.get(happened.container, ""))

    def _fell_silent(self, container: str) -> int | None:
        """A container's output ended; the exit code of it all, if that ends it all."""
        was = self._following.pop(container, None)
        ended = self._console.ended(container)
        self._printer.silent(container)
        if was is not None and (ended.running or ended.started_at != was.run) and ended.started_at:
            self._add(container, was.name, was.service, ended.lines_since if ended.started_at != was.run else None)
            return None
        self._ended[container] = ended.ended_at
        restarting = " (restarting)" if ended.restarting else ""
        self._printer.remark(container, f"exited with code {ended.exit_code}{restarting}")
        if not ended.restarting:
            self._alive.discard(container)
        return self._aborted(was.service if was else "", ended)

    def _aborted(self, service: str, ended: Ended) -> int | None:
        manner = self._manner
        if not manner.abort_on_exit and not (manner.abort_on_failure and ended.exit_code != 0):
            return None
        self._context.say("Aborting on container exit...")
        self.stop()
        if manner.exit_code_from not in ("", service):
            return self._code_of(manner.exit_code_from)
        return ended.exit_code

    def _code_of(self, service: str) -> int:
        for container in containers.of_stack(self._context, self._stack.name):
            if container.service == service:
                return self._console.ended(container.id).exit_code
        return 0

    def _stop_order(self, observed: ObservedState, chosen: list[ObservedContainer]) -> Plan:
        return orders.stop(
            observed, chosen, self._stack, timeout=self._manner.stop_timeout, provided=ordering.provided(self._stack)
        )

    def _carry_out(self, make: Callable[..., Plan], cancel: CancelToken | None) -> None:
        """Carry out an order on all the stack's containers; without the lock where nothing may hold it up any more."""
        engine, name = self._context.engine, self._stack.name
        if cancel is None:
            self._order(make)
            return
        with stack_lock(engine.id, name, wait=True, cancel=cancel, on_wait=self._context.say):
            self._order(make)

    def _order(self, make: Callable[..., Plan]) -> None:
        engine, name = self._context.engine, self._stack.name
        observed = engine.engine.observe(Scope(stack=name, details=False))
        meant = self._stack.services.keys() if self._manner.stopped is None else self._manner.stopped
        chosen = [c for c in observed.containers if c.service in meant and not c.oneoff]
        plan = make(observed, chosen)
        self._context.intents.stop(name, meant)
        for container in chosen:
            if not container.running:
                self._context.report(f"Container {container.name}", "Stopped", done=True)
        if not plan.empty:
            ordering.carry_out(self._context, plan, title=f"stop {name}", live=False)
