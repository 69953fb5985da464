"""Wait until a container is what the plan needs it to be: woken by the engine's events, decided by reading its
state.

An action goes in; the wait ends when the condition holds, when it cannot hold any more (at once: exited, removed,
unhealthy), when the time is up, or when the user wants to stop. The verdict on one reading is a pure function.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, assert_never

from orchestrator.cancel import CancelToken
from orchestrator.engines.docker import changes, evidence
from orchestrator.engines.docker.access import Access
from orchestrator.engines.docker.clock import RunningTime, unix_seconds
from orchestrator.errors import EngineError, Interrupted, NotFound
from orchestrator.model.actions import AwaitContainer, AwaitDelay, WaitFor
from orchestrator.model.probe import Probe
from orchestrator.model.values import SECOND
from orchestrator.records import dataclass

if TYPE_CHECKING:
    from orchestrator.engines.docker.probes import Asker

RELIST_SECONDS = 2.0
DEFAULT_RETRIES = 3  # the engine's, of a health check
RESTARTS_FORGIVEN = 2  # of a container with a health check: it may still come up
DEPENDENCY = "dependency failed to start: "
_ENDED = re.compile(r"exited with code (\d+)")
_IN_WORDS = {
    WaitFor.STARTED: "started",
    WaitFor.HEALTHY: "healthy",
    WaitFor.STABLE: "running stably",
    WaitFor.READY: "ready",
    WaitFor.COMPLETED: "completed",
}


@dataclass(frozen=True, slots=True)
class Done:
    pass


@dataclass(frozen=True, slots=True)
class Failed:
    why: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """``seconds``: when time alone will change the verdict."""

    seconds: float | None = None


Verdict = Done | Failed | Waiting


def wait(access: Access, action: AwaitContainer, cancel: CancelToken) -> str:
    """Text why it went on without the condition, where that is permitted; else nothing, or an error."""
    watch = _Watch(access, action, cancel)
    try:
        failure = watch.until_decided(cancel)
    finally:
        watch.close()
    if failure is None:
        return ""
    if not action.required:
        first = failure.message.partition("\n")[0]
        return first.replace("dependency failed", f'optional dependency "{action.container.service}" failed', 1)
    raise failure


def delay(action: AwaitDelay, cancel: CancelToken) -> str:
    """Let time pass. It is the file's own wish, so nothing can end it early but the user."""
    if cancel.wait(action.delay_ns / 1e9):
        raise Interrupted(signal_number=cancel.signal_number or 2)
    return ""


class Probing:
    """Asking one container again and again, not more often than its probe says."""

    def __init__(self, access: Access, probe: Probe, cancel: CancelToken) -> None:
        self.access, self.probe, self.cancel = access, probe, cancel
        self.asker: Asker | None = None
        self.running = RunningTime(access.client)
        self.next = 0.0
        self.streak = 0

    def verdict(self, container: Mapping[str, Any]) -> Verdict:
        left = self.next - time.monotonic()
        if left > 0:
            return Waiting(left)
        if self.asker is None:
            from orchestrator.engines.docker.probes import asker  # few waits ask

            self.asker = asker(self.access, container, self.cancel)
        interval = self.probe.interval_ns / SECOND
        self.next = time.monotonic() + interval
        problem = self.asker.ask(self.probe, container)
        if not problem:
            return Done()
        self.streak = self.streak + 1 if self._counts(container) else 0
        return Failed(f"does not answer its probe: {problem}") if self.streak >= self._most() else Waiting(interval)

    def _counts(self, container: Mapping[str, Any]) -> bool:
        return (
            self.running.now(container) - unix_seconds(container["State"]["StartedAt"])
            >= self.probe.start_period_ns / SECOND
        )

    def _most(self) -> int:
        return max(1, self.probe.retries)

    def close(self) -> None:
        if self.asker is not None:
            self.asker.close()


class _Watch:
    """One wait: the container is read again after each event about it."""

    def __init__(self, access: Access, action: AwaitContainer, cancel: CancelToken) -> None:
        self.access, self.action, self.cancel = access, action, cancel
        self.probing: Probing | None = None
        self.running = RunningTime(access.client)
        self.began = time.monotonic()
        self.id = action.container.id
        self.last: Mapping[str, Any] = {}
        self.restarts_before: int | None = None
        self.verdict: Verdict = Waiting()

    def until_decided(self, cancel: CancelToken) -> EngineError | None:
        # Most waits find their condition met: look before listening.
        verdict = self.read()
        while isinstance(verdict, Waiting):
            left = self._left()
            if left is not None and left <= 0:
                return self._error("timeout", f"is not {_IN_WORDS[self.action.condition]} after {self._limit():g} s")
            decided = self._listen(verdict, left, cancel)
            if cancel.is_set():
                raise Interrupted(signal_number=cancel.signal_number or 2)
            verdict = self.verdict if decided else self.read()
        return self._error("container-failed", verdict.why) if isinstance(verdict, Failed) else None

    def _listen(self, verdict: Waiting, left: float | None, cancel: CancelToken) -> bool:
        """Until something was decided (then True), or until time alone may decide."""
        bounds = [seconds for seconds in (verdict.seconds, left) if seconds is not None]
        decided = changes.wait_until(
            self.access.subscription(),
            self._decided,
            self._is_relevant,
            timeout=min(bounds, default=None),
            relist=RELIST_SECONDS,
            cancel=cancel,
        )
        return decided is not None

    def _decided(self) -> bool | None:
        self.verdict = self.read()
        return None if isinstance(self.verdict, Waiting) else True

    def read(self) -> Verdict:
        try:
            self.last = self.access.inspect(self.action.container)
        except NotFound:
            return Failed("was removed")
        self.id = self.last["Id"]
        restarts = self.last.get("RestartCount") or 0
        if self.restarts_before is None:
            self.restarts_before = restarts
        verdict = judge(self.last, self.action, restarts - self.restarts_before, self.running.now(self.last))
        return self._asked(verdict) if isinstance(verdict, Done) and self.action.probe is not None else verdict

    def _asked(self, verdict: Verdict) -> Verdict:
        """What runs as it should must answer its probe too."""
        if self.action.probe is None or _finished_well(self.last):
            return verdict
        if self.probing is None:
            self.probing = Probing(self.access, self.action.probe, self.cancel)
        return self.probing.verdict(self.last)

    def close(self) -> None:
        if self.probing is not None:
            self.probing.close()

    def _is_relevant(self, event: changes.EngineEvent) -> bool:
        mine = event.id == self.id if self.id else event.name == self.action.container.name
        return mine and not event.action.startswith("exec_")

    def _limit(self) -> float:
        return self.action.timeout or 0.0

    def _left(self) -> float | None:
        return None if self.action.timeout is None else self.began + self.action.timeout - time.monotonic()

    def _error(self, reference: str, why: str) -> EngineError:
        headline = self._headline(reference, why)
        if not self.last:
            return EngineError(headline, reference=reference)
        lines = evidence.tail(self.access.client, self.last)
        message = evidence.told(headline, [evidence.probe(self.last)], lines)
        return EngineError(
            message, hint=f"see all of it: docker logs {self.action.container.name}", reference=reference
        )

    def _headline(self, reference: str, why: str) -> str:
        """In Compose's words where something else depends on the container: scripts look for them."""
        text = f"container {self.action.container.name} {why}"
        if self.action.condition is WaitFor.READY and reference == "timeout":
            return f"application not healthy after {self._limit():g}s: {text}"
        if self.action.condition not in (WaitFor.HEALTHY, WaitFor.COMPLETED):
            return text
        if reference == "timeout":
            return f"timeout waiting for dependencies: {text}"
        return DEPENDENCY + _ENDED.sub(r"exited (\1)", text)


def judge(container: Mapping[str, Any], action: AwaitContainer, restarts: int, now: float) -> Verdict:
    """What one reading means. ``restarts`` are those since the wait began, ``now`` is in Unix seconds."""
    match action.condition:
        case WaitFor.READY:
            return _ready(container, action.monitor_ns, restarts, now)
        case WaitFor.STARTED:
            return _started(container)
        case WaitFor.HEALTHY:
            return _healthy(container, restarts)
        case WaitFor.STABLE:
            return _stable(container, action.monitor_ns, restarts, now)
        case WaitFor.COMPLETED:
            return _completed(container)
        case _:
            assert_never(action.condition)


def _ready(container: Mapping[str, Any], monitor_ns: int, restarts: int, now: float) -> Verdict:
    if not _has_health_check(container) or _finished_well(container):
        return _stable(container, monitor_ns, restarts, now)
    verdict = _healthy(container, restarts)
    return _watched(container, monitor_ns, now) if isinstance(verdict, Done) else verdict


def _started(container: Mapping[str, Any]) -> Verdict:
    state = container["State"]
    if state.get("Running") or _finished_well(container):
        return Done()
    return _over(container) or Waiting()


def _healthy(container: Mapping[str, Any], restarts: int) -> Verdict:
    if restarts > RESTARTS_FORGIVEN:
        return Failed(f"keeps restarting; it last {evidence.ending(container)}")
    state = container["State"]
    over = _over(container)
    if over is not None:
        return over
    if not _has_health_check(container):
        return Failed("has no health check, so it can never be healthy")
    if not state.get("Running") or state.get("Restarting"):
        return Waiting()
    if _is_unhealthy(container):
        return Failed("is unhealthy")
    return Done() if (state.get("Health") or {}).get("Status") == "healthy" else Waiting()


def _is_unhealthy(container: Mapping[str, Any]) -> bool:
    """By its checks: the engine also writes "unhealthy" when it ends a container, before the exit shows."""
    health = container["State"].get("Health") or {}
    bound = container["Config"]["Healthcheck"].get("Retries") or DEFAULT_RETRIES
    return health.get("Status") == "unhealthy" and (health.get("FailingStreak") or 0) >= bound


def _stable(container: Mapping[str, Any], monitor_ns: int, restarts: int, now: float) -> Verdict:
    state = container["State"]
    if _finished_well(container):
        return Done()
    if restarts or state.get("Restarting"):
        return Failed(f"{evidence.ending(container)} and was started again by its restart policy")
    over = _over(container)
    if over is not None:
        return over
    if not state.get("Running"):
        return Waiting()
    return _watched(container, monitor_ns, now)


def _watched(container: Mapping[str, Any], monitor_ns: int, now: float) -> Verdict:
    """Whether it has run through the window, which begins anew with every start."""
    left = monitor_ns / 1e9 - max(0.0, now - unix_seconds(container["State"]["StartedAt"]))
    return Done() if left <= 0 else Waiting(left)


def _completed(container: Mapping[str, Any]) -> Verdict:
    if _finished_well(container):
        return Done()
    return _over(container) or Waiting()


def _over(container: Mapping[str, Any]) -> Failed | None:
    """It ended, and its restart policy will not bring it back by itself."""
    state = container["State"]
    if state.get("Status") in ("exited", "dead") or state.get("Dead"):
        return Failed(evidence.ending(container))
    if state.get("Status") == "removing":
        return Failed("is being removed")
    return None


def _finished_well(container: Mapping[str, Any]) -> bool:
    state = container["State"]
    return state.get("Status") == "exited" and state.get("ExitCode") == 0 and not state.get("Error")


def _has_health_check(container: Mapping[str, Any]) -> bool:
    test: list[str] = ((container.get("Config") or {}).get("Healthcheck") or {}).get("Test") or []
    return bool(test) and test[0] != "NONE"
