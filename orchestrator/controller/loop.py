"""The loop: triggers in, passes out. Each stack of the host has a keeper; the queue says whose turn it is.

Whoever knows that something may have changed (the engine's events, the files, a timer, the API, a person) calls ``look_again`` with
the stack's name and nothing else. A few threads take names from the queue and let the keeper make one pass; each pass says when the
next one is due at the latest. What has to be read from somewhere else is read beside the passes; another one follows it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from orchestrator.controller.keeper import Keeper
from orchestrator.controller.queue import WorkQueue
from orchestrator.controller.readers import Readers
from orchestrator.engines.base import Change
from orchestrator.errors import EngineUnreachable

LONGEST_PAUSE = 5.0
READINGS = 2  # at once of one source, at least


class Loop:
    """Runs until ``stop``. ``defect`` is told of what must not happen: an error of ours in a pass."""

    def __init__(self, *, threads: int = 2, pace: float = 1.0, defect: Callable[[str, Exception], None]) -> None:
        self._queue = WorkQueue(pace=pace)
        self._defect = defect
        self._threads = [
            threading.Thread(target=self._work, name=f"keeper-{number}", daemon=True)
            for number in range(1, threads + 1)
        ]
        self._readers = Readers(max(READINGS, threads), self._read)
        self._lock = threading.Lock()
        self._keepers: dict[str, Keeper] = {}
        self.gaps = 0  # how often changes may have been missed

    @property
    def keepers(self) -> Mapping[str, Keeper]:
        with self._lock:
            return dict(self._keepers)

    @property
    def waiting(self) -> int:
        """How many stacks are in the queue."""
        return len(self._queue)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float) -> None:
        """No further pass or reading begins; those under way get ``timeout`` seconds to end."""
        self._queue.close()
        self._readers.stop(timeout)
        for thread in self._threads:
            thread.join(timeout)

    def keep(self, keeper: Keeper) -> None:
        """A new stack, or another keeper for one that is known."""
        with self._lock:
            self._let_go(keeper.entry.name)
            self._keepers[keeper.entry.name] = keeper
        self._queue.add(keeper.entry.name)

    def release(self, name: str) -> None:
        """The stack is no longer kept; what runs of it is left as it is."""
        with self._lock:
            self._let_go(name)
        self._queue.forget(name)

    def _let_go(self, name: str) -> None:
        before = self._keepers.pop(name, None)
        if before is not None:
            before.released = True

    def look_again(self, name: str) -> None:
        """Something about this stack may have changed."""
        keeper = self.keepers.get(name)
        if keeper is not None:
            keeper.alerted = True
            self._queue.add(name)

    def look_at_everything(self) -> None:
        for name in self.keepers:
            self.look_again(name)

    def settled(self, name: str) -> bool:
        """Whether a stack has been brought about, or tried, since the loop began; strangers count as settled."""
        keeper = self.keepers.get(name)
        return keeper is None or keeper.settled

    def heard(self, change: Change) -> None:
        """A change that the engine tells of."""
        if change.kind == "gap":
            self.gaps += 1
            self.look_at_everything()
        elif change.stack:
            self.look_again(change.stack)
        else:
            for name, keeper in self.keepers.items():
                if keeper.knows(change.kind, change.name):
                    self.look_again(name)

    def _work(self) -> None:
        while (name := self._queue.take()) is not None:
            try:
                self._pass(name)
            finally:
                self._queue.done(name)

    def _pass(self, name: str) -> None:
        keeper = self.keepers.get(name)
        if keeper is None:
            return
        source = keeper.source
        fresh, keeper.fresh = keeper.fresh, False
        if not keeper.is_left_alone and (source.outdated or (source.doubtful and not fresh)):
            self._readers.ask(keeper)
            if keeper.forced or not source.ready:
                return  # what is asked for is what is new; a pass follows once it was read
        self._pass_of(keeper)

    def _read(self, keeper: Keeper) -> None:
        """What goes wrong is said by the pass that follows; where there is more to read, that asks for it."""
        try:
            keeper.source.read()
        except Exception as problem:
            keeper.unread = problem
        keeper.fresh = True
        if self.keepers.get(keeper.entry.name) is keeper:
            self._queue.add(keeper.entry.name)

    def _pass_of(self, keeper: Keeper) -> None:
        name, before = keeper.entry.name, keeper.settled
        try:
            delay = keeper.run()
        except Exception as problem:
            self._defect(name, problem)
            delay = LONGEST_PAUSE
            keeper.alerted = True
        if self.keepers.get(name) is keeper:
            self._queue.add(name, delay)
        if keeper.settled and not before:
            self._release_waiting(name)

    def _release_waiting(self, name: str) -> None:
        """Others may have waited for this stack."""
        for other, keeper in self.keepers.items():
            if keeper.wanted is not None and name in keeper.wanted.after:
                self.look_again(other)


def listen(
    connect: Callable[[Callable[[Change], None]], Callable[[], None]],
    listener: Callable[[Change], None],
    stopped: threading.Event,
) -> Callable[[], None] | None:
    """Begin to hear of changes, however long the engine takes to answer; ``None`` when stopped meanwhile.

    The first thing that is heard is a gap: nobody knows what happened before.
    """
    pause = 0.1
    while not stopped.is_set():
        try:
            end = connect(listener)
        except EngineUnreachable:
            stopped.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            continue
        listener(Change("gap", action="began to listen"))
        return end
    return None
