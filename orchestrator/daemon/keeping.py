"""Puts host file, engine, controller and triggers together, and takes them apart in the right order.

In come a host file and an engine; nothing goes out but what the controller does and what the board tells. Started, it adopts
what runs; ended in whatever way, it leaves everything running as it is.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial

from orchestrator.admission.guard import Admitting
from orchestrator.cancel import CancelToken
from orchestrator.controller import views
from orchestrator.controller.intents import Intents
from orchestrator.controller.keeper import Keeper
from orchestrator.controller.lock import Keeping, stack_lock
from orchestrator.controller.loop import Loop, listen
from orchestrator.controller.means import Errand, Means
from orchestrator.controller.probing import Probing
from orchestrator.controller.pulse import Pulse
from orchestrator.controller.sources import LocalSource, Source, Wanted
from orchestrator.controller.status import Board
from orchestrator.controller.windows import Windowed
from orchestrator.daemon.audit import Audit
from orchestrator.daemon.carrying_out import CarryingOut
from orchestrator.daemon.followings import Hooks
from orchestrator.daemon.overrides import Suspended
from orchestrator.daemon.parts import Parts
from orchestrator.daemon.repositories import Repositories
from orchestrator.daemon.returning import Returning
from orchestrator.errors import SpecError
from orchestrator.gitops.known import parting
from orchestrator.model.host import GitHostSource, Host, HostStack, Mode
from orchestrator.model.stack import Stack
from orchestrator.records import replace
from orchestrator.secrets.keys import of_host
from orchestrator.secrets.opening import Opening
from orchestrator.secrets.stores import Stores
from orchestrator.spec import store
from orchestrator.watch.stacks import StackFiles, files_of

STOP_SECONDS = 10.0  # that passes under way get to end
HOST_FILE = ""  # the name under which the host file itself is followed; no stack can have it


class Daemon:
    """``run`` works until ``stop``. ``board`` is what there is to look at; ``loop.look_again`` is how to ask for a pass."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.host = parts.load()
        self.board = Board(time.time)
        self.cancel = CancelToken()
        self.loop = Loop(threads=self.host.passes, pace=parts.pace, defect=self._defect)
        self.audit = Audit(parts.state, lambda text: self.board.tell("", "audit", text, level="warning"))
        self._suspended = Suspended(parts.state)
        self._ended = threading.Event()
        self._reloading = threading.Lock()
        self._followed: dict[str, Stack] = {}
        self._files = StackFiles(self._file_changed)
        self._carrying_out = CarryingOut(parts, self.board, self.audit, self.cancel)
        self.returning = Returning(
            parts.state,
            parts.engine,
            parts.key,
            self._carrying_out,
            lambda stack, text: self.board.tell(stack, "rollback", text),
            self._opening,
        )
        self._turns = threading.BoundedSemaphore(max(1, self.host.passes))  # of what takes long beside the passes
        self._kept = Keeping()
        self.pulse = Pulse(
            parts.engine, lambda kind, text, level: self.board.tell("", kind, text, level=level), self.loop.heard
        )
        self._probing = Probing(parts.engine, self.loop.look_again)
        self.intents = Intents(parts.state, lambda: parts.engine.identity)
        self._means = self._make_means()
        hooks = Hooks(
            keep=self._keep, release=self._release, take_down=self._take_down, look_again=self.loop.look_again
        )
        self.stores = Stores(
            self.host.secret_stores,
            parts.environment,
            say=lambda text: self.board.tell("", "store", text, level="warning"),
        )
        self.repositories = Repositories(
            parts.state,
            self.board,
            hooks,
            key=parts.key,
            chance=random.random,
            stores=self.stores,
            admitting=self.admitting,
            suspended=self._suspended,
            wall=_wall,
        )
        for entry in self.host.stacks.values():
            self._keep(entry)

    def run(self) -> None:
        """Keep the host until ``stop``. Raises what makes it impossible to begin."""
        self._files.follow(HOST_FILE, _host_files(self.host))
        self.loop.start()
        self.pulse.start()
        self.repositories.follow(self.host.sources, self.host.stacks)
        self.board.tell("", "started", f"keeps what {self.host.file} says: {_counted(self.host)}")
        end_listening = listen(self.parts.engine.changes, self.loop.heard, self._ended)
        try:
            self._ended.wait()
        finally:
            self.pulse.stop()
            if end_listening is not None:
                end_listening()
            self.repositories.stop()
            self._files.close()
            self._probing.close()
            self.loop.stop(STOP_SECONDS)
            self._kept.close()
            self.board.tell("", "stopped", "the daemon has ended; everything goes on running")

    def stop(self, signal_number: int = 0) -> None:
        """End soon: no step is begun any more. May be called from a signal handler."""
        self.cancel.set(signal_number)
        self._ended.set()

    def reload(self) -> SpecError | None:
        """Read the host file again. A broken one changes nothing; what is wrong with it is told, and given back."""
        with self._reloading:
            try:
                host = self.parts.load()
            except SpecError as problem:
                self.board.tell("", "invalid", str(problem), level="error")
                return problem
            self._become(host)
            return None

    def _become(self, host: Host) -> None:
        before, self.host = self.host, host
        self.stores.declare(host.secret_stores)
        for name in before.stacks.keys() - host.stacks.keys():
            self._release(name, "no longer in the host file")
        for name, entry in host.stacks.items():
            if entry != before.stacks.get(name):
                self._keep(entry)
        self.repositories.follow(host.sources, host.stacks)
        if host.permits != before.permits:
            self._files.follow(HOST_FILE, _host_files(host))
            self._admit_anew()
        if before != host:
            self.board.tell("", "reloaded", f"keeps {_counted(host)}")

    def _keep(self, entry: HostStack) -> None:
        if entry.name in self._suspended:
            entry = replace(entry, mode=Mode.SUSPENDED)
        source = self._source(entry)
        self._followed.pop(entry.name, None)
        self._files.follow(entry.name, source.places())
        self.loop.keep(Keeper(entry, source, self._means))

    def _release(self, name: str, why: str) -> None:
        """It goes on running; nobody looks after it any more."""
        self._let_go(name)
        self.board.drop(name)
        self.board.tell(name, "released", f"{why}; what runs of it is left alone", level="warning")

    def _let_go(self, name: str) -> None:
        self.loop.release(name)
        self._kept.let_go(name)
        self._probing.forget(name)
        self._followed.pop(name, None)
        self._files.forget(name)

    def _take_down(self, name: str, last: Callable[[], Wanted | None], volumes: bool) -> None:
        """What a repository no longer has goes; volumes only where the host's file says so."""
        keeper = self.loop.keepers.get(name)
        self._let_go(name)
        loaded = (keeper.loaded if keeper is not None else None) or last()
        text = "nothing is remembered of it, so nothing is taken down"
        if loaded is not None:
            text = "taken down, volumes " + ("too" if volumes else "stay")
            policy = parting(volumes=volumes)
            with stack_lock(self.parts.engine.identity, name, wait=True, cancel=self.cancel):
                result = self._carrying_out(
                    replace(loaded, stack=loaded.stack.emptied(), returns_to=None),
                    policy,
                    Errand(command="daemon: prune"),
                )
            if not result.ok:
                raise views.as_error(result)
        self.board.drop(name)
        self.board.tell(name, "pruned", f"no longer in its repository: {text}", level="warning")

    def _source(self, entry: HostStack) -> Source:
        if entry.source:
            return self.repositories.source(entry)
        folder = self.parts.environment.get(store.VARIABLE, "")
        local = LocalSource(entry, self.parts.key, folder, self.stores.granted(entry.secret_stores))
        if not entry.windows:
            return local
        return Windowed(local, entry.windows, _wall, self.returning.before)

    def _opening(self, name: str) -> Opening | None:
        """The keys and stores of a stack."""
        keeper = self.loop.keepers.get(name)
        if keeper is None:
            return None
        return Opening(
            keys=partial(of_host, keeper.entry.decryption), stores=self.stores.granted(keeper.entry.secret_stores)
        )

    def admitting(self, source: GitHostSource) -> Admitting:
        """How stacks of a source are admitted, by what the host permits at this moment."""
        engine = self.parts.engine
        return Admitting(
            permits=self.host.permits,
            world=engine.as_world,
            source=source.name,
            others=lambda: [*self.host.stacks, *self.loop.keepers],
            environment=self.parts.environment,
            local=engine.local,
            verified=source.verify != "off",
        )

    def _admit_anew(self) -> None:
        """What the host permits has changed: stacks from elsewhere are judged again."""
        for keeper in list(self.loop.keepers.values()):
            if keeper.entry.source:
                self._keep(keeper.entry)

    def _make_means(self) -> Means:
        return Means(
            engine=self.parts.engine,
            board=self.board,
            intents=self.intents,
            cancel=self.cancel,
            monotonic=time.monotonic,
            now=time.time,
            chance=random.random,
            settled=self.loop.settled,
            loaded=self._loaded,
            carry_out=self._carrying_out,
            instead=self.returning.instead,
            give_up=self.returning.give_up,
            held=self._carrying_out.held,
            kept=self._kept,
            probing=self._probing,
            away=lambda: self.pulse.problem,
            suspect=self.pulse.suspect,
            gaps=lambda: self.loop.gaps,
            aside=self._aside,
            sink=self.parts.sink,
            workers=self.parts.workers,
        )

    def _aside(self, stack: str, work: Callable[[], None]) -> None:
        def run() -> None:
            with self._turns:
                work()
            self.loop.look_again(stack)

        threading.Thread(target=run, name=f"images of {stack}", daemon=True).start()

    def intend(self, stack: str, verb: str, services: Iterable[str] | None) -> None:
        """Another user's command says what is stopped on purpose, and what is to run again."""
        intents = self.intents
        match verb:
            case "stop":
                intents.stop(stack, services or ())
            case "down":
                intents.down(stack)
            case _:
                intents.run(stack, services)
        self.loop.look_again(stack)

    def suspend(self, stack: str) -> None:
        """Leave it alone from now on, over restarts too."""
        self._suspended.add(stack)
        self._keep_anew(stack)

    def resume(self, stack: str) -> None:
        self._suspended.discard(stack)
        self._keep_anew(stack)

    def _keep_anew(self, stack: str) -> None:
        keeper = self.loop.keepers.get(stack)
        if keeper is not None:
            self._keep(self.host.stacks.get(stack) or self.repositories.entry(keeper.entry.source, stack))
            self.board.tell(stack, "suspended" if stack in self._suspended else "resumed", "by hand")

    def _loaded(self, name: str, stack: Stack) -> None:
        """A stack was read: from now on its files are followed, all of them."""
        if self._followed.get(name) is not stack:
            self._followed[name] = stack
            self._files.follow(name, files_of(stack))

    def _file_changed(self, name: str) -> None:
        if name == HOST_FILE:
            self.reload()
        else:
            self.loop.look_again(name)

    def _defect(self, stack: str, problem: Exception) -> None:
        self.board.tell(stack, "defect", f"unexpected {type(problem).__name__}: {problem}", level="error")


def _host_files(host: Host) -> list[str]:
    return [file for file in (host.file, host.permits.file) if file]


def _counted(host: Host) -> str:
    parts = [_plural(len(host.stacks), "stack", "stacks")] if host.stacks or not host.sources else []
    parts += ["those of " + _plural(len(host.sources), "repository", "repositories")] if host.sources else []
    return " and ".join(parts)


def _plural(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def _wall() -> tuple[int, int]:
    """Weekday (Monday 0) and minute of the day, by the host's clock."""
    now = datetime.now().astimezone()
    return now.weekday(), now.hour * 60 + now.minute
