"""``DockerEngine``: one Docker Engine behind the seam of ``engines.base``. It only connects the parts.

Looking is ``observe``, acting ``execute``. What is kept between calls can be lost without harm: the engine's
facts, ids of images, one subscription to events.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from orchestrator.cancel import CancelToken
from orchestrator.engines.base import Ask, Change, Progress
from orchestrator.engines.docker import facts, recorded
from orchestrator.engines.docker import observe as observing
from orchestrator.engines.docker.access import Access
from orchestrator.engines.docker.client import Client
from orchestrator.engines.docker.facts import Host
from orchestrator.errors import EngineError, EngineUnreachable, StackError
from orchestrator.model.actions import Action
from orchestrator.model.observed import ObservedState, Scope

TYPE_CHECKING = False  # see main
if TYPE_CHECKING:
    from orchestrator.engines.gate import Gate, World


class DockerEngine:
    """Safe to use from many threads. The caller closes it; the client goes with it.

    ``state`` is the folder for what is noted of containers, where there is one.
    """

    def __init__(self, client: Client, state: str = "") -> None:
        self.client = client
        self.state = state
        self._access = Access(client)
        self._host: Host | None = None
        self._lock = threading.Lock()

    @property
    def identity(self) -> str:
        """The engine's own id: one engine is one engine by whatever socket or address it is reached."""
        return self._facts().facts.id or str(self.client.endpoint)

    @property
    def local(self) -> bool:
        return self.client.endpoint.local

    def greet(self) -> None:
        """Ask what the engine is while the caller does something else. The answer waits where it will be needed."""
        threading.Thread(target=self._greeted, daemon=True, name="greeting").start()

    def _greeted(self) -> None:
        try:
            self._facts()
        except StackError:
            pass  # who needs the facts asks again, and hears why there are none

    def observe(self, scope: Scope) -> ObservedState:
        try:
            state = observing.observe(self.client, scope, self._facts)
        except EngineUnreachable:
            self._forget_facts()  # what comes back may be another version
            raise
        self._access.know(state)
        return recorded.under_key(self.client, state, scope, self.state)

    def execute(self, action: Action, *, progress: Progress, cancel: CancelToken) -> str:
        from orchestrator.engines.docker.execute import execute  # a plan without steps needs none of it

        return execute(self._access, action, progress, cancel)

    def changes(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        from orchestrator.engines.docker import watching

        return watching.watch(self.client, listener)

    def near(self, container: str) -> Ask | None:
        from orchestrator.engines.docker import probes

        return probes.near(self.client, container)

    def ping(self, seconds: float) -> None:
        try:
            self.client.request("HEAD", "/_ping", timeout=seconds)
        except EngineUnreachable:
            raise
        except EngineError:
            return  # a refusal is an answer

    def cut(self, before: float) -> None:
        self.client.cut(before)

    def as_world(self) -> World:
        from orchestrator.engines.docker.world import DockerWorld  # only gates ask whose things are

        return DockerWorld(self.client)

    def guarded(self, gate: Gate) -> DockerEngine:
        return GuardedEngine(self, gate)

    def close(self) -> None:
        self._access.close()
        self.client.close()

    def _forget_facts(self) -> None:
        self._host = None

    def _facts(self) -> Host:
        with self._lock:
            if self._host is None:
                self._host = facts.read(self.client)
            return self._host


class GuardedEngine(DockerEngine):
    """The same engine, but nothing is sent to it that a gate does not admit. Connections and facts are those of the whole one."""

    def __init__(self, whole: DockerEngine, gate: Gate) -> None:
        super().__init__(whole.client.guarded(gate, whole.as_world()), whole.state)
        self._whole = whole
        self._access = Access(self.client, whole._access)

    def close(self) -> None:
        """Nothing is its own."""

    def _forget_facts(self) -> None:
        self._whole._forget_facts()

    def _facts(self) -> Host:
        return self._whole._facts()
