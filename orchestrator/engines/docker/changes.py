"""What happens on the engine, as it happens: one subscription, many listeners, and waits that end with the event.

Filters go in; ``EngineEvent`` values come out on a thread of their own, and a ``Gap`` whenever some may have been
missed (the engine drops events to slow readers, keeps only the last few, and forgets them when it restarts). Events
only make things faster: whoever relies on a state reads it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any, TypeVar

from orchestrator.cancel import CancelToken
from orchestrator.engines.docker.answers import Stream
from orchestrator.engines.docker.client import Client
from orchestrator.errors import EngineError
from orchestrator.listeners import Listeners
from orchestrator.records import dataclass

T = TypeVar("T")

SILENCE_SECONDS = 600.0  # a stream that says nothing for so long may be dead without knowing it: open a new one
FIRST_DELAY = 0.05
LONGEST_DELAY = 5.0
RELIST_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """``kind`` is container, network, volume, image...; ``detail`` is what stands behind an action's colon."""

    kind: str
    action: str
    id: str
    name: str
    attributes: Mapping[str, str]
    time_ns: int
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """Something may have been missed: read again what you rely on."""

    reason: str


Listener = Callable[[EngineEvent | Gap], None]
Filters = Mapping[str, list[str]]


def subscribe(client: Client, filters: Filters | None = None, since: str = "") -> Subscription:
    """Listening from now on, or from ``since`` (the engine's seconds). Raises EngineError where it cannot begin.

    "From now on" is from the second that the engine's clock shows: an engine says that it listens a moment before it
    does, and what happens in that moment must not be lost. So events of the last second may come again.
    """
    return Subscription(client, filters or {}, since or engine_second(client))


def engine_second(client: Client) -> str:
    """The engine's clock, in whole seconds; empty where it does not tell."""
    from orchestrator.engines.docker.clock import seconds_of

    seconds = seconds_of(client.head("/_ping").get("date", ""))
    return "" if seconds is None else str(int(seconds))


class Subscription:
    """Events to listeners, reconnecting by itself. Listeners are called on its thread and must be quick."""

    def __init__(self, client: Client, filters: Filters, since: str) -> None:
        self._client = client
        self._filters = filters
        self._since = since
        self._listeners = Listeners[EngineEvent | Gap]()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._stream = self._open()
        self._thread = threading.Thread(target=self._run, name="engine-events", daemon=True)
        self._thread.start()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` with everything from now on; the answer ends that."""
        return self._listeners.add(listener)

    def close(self) -> None:
        self._closed.set()
        with self._lock:
            stream = self._stream
        stream.close()
        if threading.current_thread() is not self._thread:
            # A reconnect to a hung engine cannot be cut short; the thread then ends by itself, and delivers nothing.
            self._thread.join(timeout=0.04)

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open(self) -> Stream:
        query = {"filters": self._filters or None, "since": self._since or None}
        return self._client.stream("GET", "/events", query, activity=SILENCE_SECONDS)

    def _run(self) -> None:
        while not self._closed.is_set():
            reason = self._deliver_all()
            if self._closed.is_set() or not self._reconnect():
                return
            self._tell(Gap(reason))

    def _deliver_all(self) -> str:
        """Deliver until the stream ends; says why it did."""
        try:
            for raw in self._stream.json():
                event = parse(raw)
                if event is not None:
                    self._since = f"{event.time_ns // 10**9}.{event.time_ns % 10**9:09d}"
                    self._tell(event)
        except EngineError as problem:
            return problem.message
        return "the engine closed the event stream"

    def _reconnect(self) -> bool:
        """A new stream from the last event on, however long it takes; False when closed meanwhile."""
        delay = FIRST_DELAY
        while not self._closed.is_set():
            try:
                stream = self._open()
            except EngineError:
                self._closed.wait(delay)
                delay = min(delay * 2, LONGEST_DELAY)
                continue
            with self._lock:
                self._stream = stream
            if self._closed.is_set():
                stream.close()
                return False
            return True
        return False

    def _tell(self, what: EngineEvent | Gap) -> None:
        for listener in self._listeners:
            if not self._closed.is_set():
                listener(what)


def parse(raw: Any) -> EngineEvent | None:
    """The engine's JSON as an event; None for what is not one. Unknown fields are none of our business."""
    if not isinstance(raw, dict) or not isinstance(raw.get("Type"), str):
        return None
    actor: dict[str, Any] = raw.get("Actor") or {}
    attributes = {str(key): str(value) for key, value in (actor.get("Attributes") or {}).items()}
    action, _, detail = str(raw.get("Action", "")).partition(": ")
    time_ns = raw.get("timeNano") or int(raw.get("time") or 0) * 10**9
    name = attributes.get("name", "")
    return EngineEvent(raw["Type"], action, str(actor.get("ID", "")), name, attributes, int(time_ns), detail)


def wait_until(
    subscription: Subscription,
    read: Callable[[], T | None],
    relevant: Callable[[EngineEvent], bool],
    *,
    timeout: float | None = None,
    relist: float = RELIST_SECONDS,
    cancel: CancelToken | None = None,
) -> T | None:
    """What ``read`` returns once it is not None: asked now, after each relevant event or gap, and every ``relist`` s.

    None when the time is up or ``cancel`` is set; what ``read`` raises passes through.
    """
    until = None if timeout is None else monotonic() + timeout
    wakes: SimpleQueue[None] = SimpleQueue()  # not an Event: cancel may be set by a signal handler of this very thread

    def wake(what: EngineEvent | Gap) -> None:
        if isinstance(what, Gap) or relevant(what):
            wakes.put(None)

    endings = [subscription.listen(wake)]
    if cancel is not None:
        endings.append(cancel.subscribe(lambda: wakes.put(None)))
    try:
        while cancel is None or not cancel.is_set():
            _drain(wakes)
            found = read()
            if found is not None:
                return found
            left = relist if until is None else min(relist, until - monotonic())
            if left <= 0:
                return None
            _wait(wakes, left)
        return None
    finally:
        for end in endings:
            end()


def _drain(wakes: SimpleQueue[None]) -> None:
    """Many events, one read: what came before this moment is seen by the read that follows."""
    while not wakes.empty():
        wakes.get()


def _wait(wakes: SimpleQueue[None], seconds: float) -> None:
    try:
        wakes.get(timeout=seconds)
    except Empty:
        pass
