"""The work queue: every trigger is heard, no stack is worked on twice at once, and a flood is no flood of passes."""

from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.controller.backoff import CRASH_LOOP, Backoff
from orchestrator.controller.queue import WorkQueue


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_many_triggers_are_one_pass() -> None:
    queue = WorkQueue(clock=Clock())
    for _ in range(5_000):
        queue.add("shop")

    assert "shop" == queue.take()
    assert 0 == len(queue)


def test_a_stack_that_is_worked_on_is_not_handed_out_again() -> None:
    clock = Clock()
    queue = WorkQueue(pace=0.0, clock=clock)
    queue.add("shop")
    queue.add("wiki")
    assert {"shop", "wiki"} == {queue.take(), queue.take()}
    queue.add("shop")
    queue.add("wiki")
    queue.done("wiki")

    assert "wiki" == queue.take()


def test_what_is_triggered_during_a_pass_is_looked_at_after_it() -> None:
    queue = WorkQueue(pace=0.0, clock=Clock())
    queue.add("shop")
    queue.take()
    queue.add("shop")
    queue.done("shop")

    assert "shop" == queue.take()


def test_a_stack_is_handed_out_once_in_its_pace_and_the_first_time_at_once() -> None:
    clock = Clock()
    queue = WorkQueue(pace=1.0, clock=clock)
    queue.add("shop")
    assert "shop" == queue.take()
    queue.done("shop")
    queue.add("shop")
    queue.add("wiki")
    assert "wiki" == queue.take()
    clock.now += 1.0

    assert "shop" == queue.take()


def test_the_earlier_of_two_wishes_stands() -> None:
    clock = Clock()
    queue = WorkQueue(clock=clock)
    queue.add("shop", 30.0)
    queue.add("shop", 5.0)
    queue.add("shop", 60.0)
    clock.now += 5.0

    assert "shop" == queue.take()


def test_closing_lets_waiting_workers_go() -> None:
    queue = WorkQueue()
    answers: list[str | None] = []
    worker = threading.Thread(target=lambda: answers.append(queue.take()))
    worker.start()
    queue.close()
    worker.join(10)

    assert [None] == answers


def test_a_wish_made_while_a_worker_waits_wakes_it() -> None:
    queue = WorkQueue()
    answers: list[str | None] = []
    worker = threading.Thread(target=lambda: answers.append(queue.take()))
    worker.start()
    queue.add("shop")
    worker.join(10)

    assert ["shop"] == answers


def test_what_an_event_is_followed_by_is_looked_at_at_once_and_a_flood_is_not() -> None:
    clock = Clock()
    queue = WorkQueue(pace=1.0, burst=3, clock=clock)
    passes = 0
    for _ in range(1_000):  # ten seconds of a flood
        queue.add("shop")
        if queue.is_due("shop"):
            passes += 1
            queue.take()
            queue.done("shop")
        clock.now += 0.01

    assert 10 <= passes <= 10 + 3


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_a_delay_never_passes_its_bound_by_more_than_its_jitter(failures: int, chance: float) -> None:
    backoff = Backoff(first=2.0, longest=300.0)

    assert 0 <= backoff.delay(failures, chance) <= 300.0 * 1.2


def test_a_crash_loop_is_started_at_most_twenty_times_in_its_first_hour() -> None:
    spent, starts = 0.0, 3
    while spent <= 3600:
        spent += CRASH_LOOP.delay(starts - 2)
        starts += 1

    assert starts <= 20 + 3
