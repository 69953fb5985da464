"""Files while the stack runs: what changes here gets into its containers, and with ``Manner.spec`` into the stack.

``start`` begins and ``stop`` ends it, as often as one likes (the menu of an attached `up` does both). One thread takes
batches of changed files and "look again" in turn and works on them one after the other; what fails is told and the watch
goes on. Everything that changes the stack goes the one way: load, plan, apply.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from queue import SimpleQueue
from typing import TYPE_CHECKING

from orchestrator.cancel import CancelToken
from orchestrator.cli import containers, ordering, running
from orchestrator.cli.wiring import Context
from orchestrator.controller.lock import stack_lock
from orchestrator.controller.reconcile import preview
from orchestrator.engines.console import Execution, Listed, Sync, Transfer
from orchestrator.errors import Interrupted, LockHeld, StackError, UsageError
from orchestrator.model.actions import Action, BuildImage
from orchestrator.model.observed import Scope
from orchestrator.model.plan import Level
from orchestrator.model.stack import Hook, Stack
from orchestrator.planner import orders
from orchestrator.planner.policy import Policy, Recreate
from orchestrator.records import dataclass
from orchestrator.watch import rules as watch_rules
from orchestrator.watch.files import Batch, Files
from orchestrator.watch.rules import Work
from orchestrator.watch.stacks import StackFiles, files_of

if TYPE_CHECKING:
    from orchestrator.watch.rules import Rule

Desired = Callable[[], tuple[Stack, Policy]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """``services`` whose `develop` sections count. ``spec``: loads the stack anew where its files are watched too."""

    services: frozenset[str] | None = None
    prune: bool = True
    quiet: bool = False
    spec: Desired | None = None


class Watching:
    """``say`` prints a line beside the services' own; ``on_stack`` hears of a stack that has taken the other's place."""

    def __init__(
        self,
        context: Context,
        stack: Stack,
        manner: Manner,
        say: Callable[[str], None],
        on_stack: Callable[[Stack], None] = lambda _: None,
    ) -> None:
        self._context, self._stack, self._manner, self._say, self._on_stack = context, stack, manner, say, on_stack
        self._rules = watch_rules.Rules(())
        self._into: Sync | None = None
        self._queue: SimpleQueue[Batch | str | None] = SimpleQueue()
        self._held = ExitStack()
        self._cancel = CancelToken()
        self._thread: threading.Thread | None = None
        self._files: Files | None = None
        self._spec: StackFiles | None = None

    @property
    def on(self) -> bool:
        return self._thread is not None

    def check(self) -> None:
        """Read the rules; raises StackError where there is nothing to watch."""
        self._rules = self._rules_of(self._stack)
        if not self._rules and self._manner.spec is None:
            raise UsageError(
                "none of the selected services is configured for watch",
                hint="give one of them a `develop` section",
                reference="nothing-to-watch",
            )

    def start(self) -> None:
        """Begin. Raises StackError where there is nothing to watch, or somebody watches already."""
        self.check()
        self._cancel, self._queue = CancelToken(), SimpleQueue()
        self._into = self._context.engine.console.sync()
        with ExitStack() as held:
            held.enter_context(self._alone())
            self._files = Files(self._queue.put)
            held.callback(self._files.close)
            if self._manner.spec is not None:
                self._spec = StackFiles(self._queue.put)
                held.callback(self._spec.close)
            self._follow(self._stack)
            self._held = held.pop_all()
        self._thread = threading.Thread(target=self._work, daemon=True, name="watching")
        self._thread.start()
        self._say("Watch enabled")

    def stop(self) -> None:
        """End; what is under way is given up."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        self._cancel.set()
        self._queue.put(None)
        thread.join()
        self._held.close()

    def toggle(self) -> None:
        """On when off, off when on; what keeps it from beginning is told."""
        if self.on:
            self.stop()
            self._say("Watch disabled")
            return
        try:
            self.start()
        except StackError as problem:
            self._tell(problem)

    def _alone(self) -> ExitStack:
        """The lock that keeps two watches from syncing the same stack."""
        name, held = self._stack.name, ExitStack()
        lock = stack_lock(self._context.engine.id, f"{name}.watch", wait=False, cancel=self._cancel)
        try:
            held.enter_context(lock)
        except LockHeld as problem:
            raise LockHeld(f'stack "{name}" is being watched already', hint="end the other watch first") from problem
        return held

    def _rules_of(self, stack: Stack) -> watch_rules.Rules:
        chosen = self._manner.services
        return watch_rules.of_stack(stack, [name for name in stack.services if chosen is None or name in chosen])

    def _follow(self, stack: Stack) -> None:
        assert self._files is not None
        for warning in self._rules.warnings:
            self._context.say(f"warning: {warning}")
        self._files.watch(self._rules.paths)
        if self._spec is not None:
            self._spec.follow(stack.name, files_of(stack))

    def _work(self) -> None:
        self._attempt(self._sync_at_first)
        while (item := self._queue.get()) is not None and not self._cancel.is_set():
            if isinstance(item, str):
                self._attempt(self._look_again)
            else:
                work = self._rules.work(item)
                self._attempt(lambda work=work: self._carry_out(work))  # type: ignore[misc]

    def _attempt(self, what: Callable[[], None]) -> None:
        try:
            what()
        except Interrupted:
            return
        except StackError as problem:
            self._tell(problem)
        except Exception as problem:  # a defect of ours ends this piece of work, not the watch
            from orchestrator.cli.render import problems

            self._tell(problems.defect(problem))

    def _tell(self, problem: StackError) -> None:
        from orchestrator.cli.render import problems

        self._say(self._context.masked(problems.as_text(problem)))

    # what develop.watch asks for

    def _sync_at_first(self) -> None:
        for rule, pairs in self._rules.initial():
            fresh = self._newer_than_image(rule, pairs)
            if fresh:
                self._sync(rule.service, fresh)

    def _newer_than_image(self, rule: Rule, pairs: Mapping[str, str]) -> dict[str, str]:
        """Files that have changed, or come here, since the service's image was made; what it holds is not sent again."""
        found = self._running({rule.service})
        if not found:
            return {}
        made = _seconds(self._context.engine.console.image(found[0].image_id).created)
        return {there: here for there, here in pairs.items() if _changed_after(here, made)}

    def _carry_out(self, work: Work) -> None:
        if work.rebuild:
            self._rebuild(sorted(work.rebuild))
        for service, pairs in work.sync.items():
            self._sync(service, pairs)
        if work.restart:
            self._restart(sorted(work.restart))
        for service, hooks in work.exec.items():
            self._execute(service, hooks)

    def _sync(self, service: str, pairs: Mapping[str, str]) -> None:
        here = {there: path for there, path in sorted(pairs.items()) if os.path.lexists(path)}
        gone = tuple(there for there in pairs if there not in here)
        for there in [there for there, path in here.items() if not _readable(path)]:
            self._say(f"{here.pop(there)} cannot be read and is not synced")
        found = [container.id for container in self._running({service})]
        transfer = Transfer(tuple((path, there) for there, path in here.items()), gone)
        self._say(f'Syncing service "{service}" after {len(pairs)} changes were detected')
        assert self._into is not None
        self._into.bring(found, transfer)

    def _restart(self, services: list[str]) -> None:
        engine, name = self._context.engine, self._stack.name
        with stack_lock(engine.id, name, wait=True, cancel=self._cancel, on_wait=self._context.say):
            observed = engine.engine.observe(Scope(stack=name, details=False))
            chosen = [c for c in observed.containers if c.service in services and not (c.oneoff or c.hook)]
            plan = orders.restart(observed, chosen, self._stack)
            if not plan.empty:
                ordering.carry_out(self._context, plan, title=f"restart {name}", live=False)
        self._say(f"service(s) {_quoted(services)} restarted")

    def _execute(self, service: str, hooks: Iterable[Hook]) -> None:
        from concurrent.futures import ThreadPoolExecutor

        found = self._running({service})
        for hook in hooks:
            with ThreadPoolExecutor(max(1, len(found))) as pool:
                codes = list(pool.map(lambda container, hook=hook: self._run(container, hook), found))
            for container, code in zip(found, codes, strict=True):
                if code:
                    self._say(f"{' '.join(hook.command)} in {container.name} ended with {code}")

    def _run(self, container: Listed, hook: Hook) -> int:
        here = self._context.environment
        given = {key: here.get(key) if value is None else value for key, value in hook.environment.items()}
        return self._context.engine.console.execute(
            Execution(
                container=container.id,
                command=hook.command,
                environment=tuple(f"{key}={value}" for key, value in given.items() if value is not None),
                user=hook.user,
                working_dir=hook.working_dir,
                privileged=hook.privileged,
                stdin=False,
            )
        )

    def _rebuild(self, services: list[str]) -> None:
        self._say(f"Rebuilding service(s) {_quoted(services)} after changes were detected...")
        policy = Policy(
            targets=frozenset(services),
            dependencies=False,
            build=True,
            recreate=Recreate.FORCE,
            recreate_dependencies=Recreate.NEVER,
            ignore_orphans=True,
        )
        self._bring_about(self._stack, policy, "rebuild")
        self._say(f"service(s) {_quoted(services)} successfully built")
        if self._manner.prune:
            self._prune()

    def _prune(self) -> None:
        """Remove what the new images have taken the names of; an image that something still uses stays."""
        from orchestrator.cli import pruning
        from orchestrator.planner import pruning as plans

        plan = plans.images(self._stack.name, pruning.dangling(self._context, self._stack.name))
        if not plan.empty:
            ordering.run(self._context, plan, title="prune", live=False, silent=True)

    def _running(self, services: set[str]) -> list[Listed]:
        found = containers.of_stack(self._context, self._stack.name, everything=False)
        return [c for c in found if c.service in services and c.running]

    # what the stack's own files ask for

    def _look_again(self) -> None:
        assert self._manner.spec is not None
        try:
            stack, policy = self._manner.spec()
        except StackError:
            self._say("the stack's files have changed and cannot be used; nothing was changed:")
            raise
        self._stack, self._rules = stack, self._rules_of(stack)
        self._follow(stack)
        self._on_stack(stack)
        plan, _ = preview(stack, self._context.engine.engine, policy)
        if plan.empty and not any(note.level is Level.ERROR for note in plan.notes):
            return
        self._say("Updating the stack after changes of its files were detected")
        self._bring_about(stack, policy, "up")

    def _bring_about(self, stack: Stack, policy: Policy, title: str) -> None:
        hush: frozenset[type[Action]] = frozenset({BuildImage}) if self._manner.quiet else frozenset()
        running.bring_about(self._context, stack, policy, title=title, cancel=self._cancel, hush=hush, live=False)


def _quoted(services: Iterable[str]) -> str:
    return "[" + " ".join(f'"{service}"' for service in services) + "]"


def _seconds(moment: str) -> float:
    """An engine's time (RFC 3339) in seconds since 1970; 0 where it cannot be read."""
    from datetime import datetime

    try:
        return datetime.fromisoformat(moment).timestamp()
    except ValueError:
        return 0.0


def _readable(path: str) -> bool:
    return os.path.islink(path) or os.access(path, os.R_OK)


def _changed_after(path: str, moment: float) -> bool:
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return max(found.st_mtime, found.st_ctime) >= moment
