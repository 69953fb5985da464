"""The executor runs what may run, skips what may not, and decides nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from orchestrator.cancel import CancelToken
from orchestrator.errors import EngineError, Interrupted
from orchestrator.events import Event, Quiet, StepEnded, StepStarted
from orchestrator.executor import apply
from orchestrator.model.actions import Action, AwaitContainer, ContainerRef, RemoveVolume, WaitFor
from orchestrator.model.plan import Outcome, Plan, Step


class Calls:
    """An engine that notes what it is asked, and does with it what the test says."""

    identity = "calls"

    def __init__(self, behaviour: Callable[[Action, CancelToken], None] = lambda action, cancel: None) -> None:
        self.behaviour = behaviour
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.most_at_once = 0
        self._now = 0
        self._lock = threading.Lock()

    def execute(self, action: Action, *, progress: object, cancel: CancelToken) -> str:
        with self._lock:
            self.begun.append(name(action))
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            self.behaviour(action, cancel)
        finally:
            with self._lock:
                self._now -= 1
                self.ended.append(name(action))
        return ""


def name(action: Action) -> str:
    return action.name if isinstance(action, RemoveVolume) else action.container.name  # type: ignore[union-attr]


def step(number: int, *after: int, wait: bool = False) -> Step:
    act: Action = RemoveVolume(name=str(number))
    if wait:
        act = AwaitContainer(container=ContainerRef(str(number)), condition=WaitFor.STARTED)
    return Step(id=number, action=act, after=after)


def run(plan: Plan, engine: Calls, workers: int = 4, cancel: CancelToken | None = None, sink: object = None):
    return apply(plan, engine, workers=workers, sink=sink or Quiet(), cancel=cancel or CancelToken())  # type: ignore[arg-type]


def outcomes(result) -> dict[int, str]:
    return {number: r.outcome.value for number, r in result.results.items()}


def fail_at(*numbers: int) -> Callable[[Action, CancelToken], None]:
    def behave(action: Action, cancel: CancelToken) -> None:
        if int(name(action)) in numbers:
            raise EngineError("no")

    return behave


def test_a_step_runs_after_everything_it_comes_after() -> None:
    engine = Calls()
    result = run(Plan(stack="s", steps=(step(1), step(2), step(3, 1, 2), step(4, 3))), engine)

    assert result.ok
    assert engine.begun[2:] == ["3", "4"]


def test_what_follows_a_failure_is_skipped_and_siblings_go_on() -> None:
    engine = Calls(fail_at(1))
    result = run(Plan(stack="s", steps=(step(1), step(2, 1), step(3, 2), step(4), step(5, 4))), engine)

    assert outcomes(result) == {1: "failed", 2: "skipped", 3: "skipped", 4: "done", 5: "done"}
    assert not result.ok


def test_a_step_is_skipped_when_only_one_of_those_before_it_failed() -> None:
    result = run(Plan(stack="s", steps=(step(1), step(2), step(3, 1, 2))), Calls(fail_at(2)))

    assert outcomes(result)[3] == "skipped"


def test_no_more_calls_at_once_than_workers() -> None:
    barrier = threading.Barrier(3, timeout=10)
    engine = Calls(lambda action, cancel: barrier.wait() and None)
    run(Plan(stack="s", steps=tuple(step(n) for n in range(1, 10))), engine, workers=3)

    assert engine.most_at_once == 3


def test_waits_take_no_workers_place() -> None:
    released = threading.Event()

    def behave(action: Action, cancel: CancelToken) -> None:
        if isinstance(action, AwaitContainer):
            assert released.wait(10)
        elif name(action) == "9":
            released.set()

    steps = (*(step(n, wait=True) for n in range(1, 9)), step(9))
    assert run(Plan(stack="s", steps=steps), Calls(behave), workers=1).ok


def test_the_longest_chain_begins_first() -> None:
    engine = Calls()
    run(Plan(stack="s", steps=(step(1), step(2), step(3, 2), step(4, 3))), engine, workers=1)

    assert engine.begun[0] == "2"


def test_after_a_cancel_no_step_is_begun_and_the_rest_is_skipped() -> None:
    cancel = CancelToken()
    engine = Calls(lambda action, token: cancel.set(2))
    result = run(Plan(stack="s", steps=(step(1), step(2, 1))), engine, cancel=cancel)

    assert outcomes(result) == {1: "done", 2: "skipped"}


def test_a_call_that_does_not_end_after_a_cancel_is_given_up() -> None:
    cancel, never = CancelToken(), threading.Event()

    def behave(action: Action, token: CancelToken) -> None:
        cancel.set(15)
        never.wait(30)

    result = run(Plan(stack="s", steps=(step(1),)), Calls(behave), cancel=cancel)
    never.set()

    assert outcomes(result) == {1: "failed"}
    assert isinstance(result.results[1].error, Interrupted)
    assert result.results[1].error.signal_number == 15


def test_a_defect_in_an_engine_ends_in_an_outcome_that_names_it() -> None:
    def behave(action: Action, cancel: CancelToken) -> None:
        raise ZeroDivisionError("oops")

    result = run(Plan(stack="s", steps=(step(1),)), Calls(behave))

    assert result.results[1].outcome is Outcome.FAILED
    assert result.results[1].error is not None
    assert result.results[1].error.ref == "defect"


def test_every_step_is_told_begun_and_ended_in_order() -> None:
    seen: list[tuple[str, int]] = []

    class Listener:
        def emit(self, event: Event) -> None:
            if isinstance(event, StepStarted):
                seen.append(("began", event.step.id))
            elif isinstance(event, StepEnded):
                seen.append(("ended", event.result.step.id))

    run(Plan(stack="s", steps=(step(1), step(2, 1))), Calls(), sink=Listener())

    assert seen == [("began", 1), ("ended", 1), ("began", 2), ("ended", 2)]


@pytest.mark.parametrize("workers", [1, 8])
def test_an_empty_plan_is_done_at_once(workers: int) -> None:
    assert run(Plan(stack="s"), Calls(), workers=workers).ok
