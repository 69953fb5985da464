"""Containers that do not do well: what is done about them, in which order, and when it stops."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.controller.healing import FORGIVEN_AFTER, Healer
from orchestrator.model.observed import Health, ObservedContainer, State

WEB = ObservedContainer(id="1", name="shop-web-1", service="web", slot=1, health=Health.HEALTHY)


def ended(container: ObservedContainer, at: str) -> ObservedContainer:
    return replace(container, state=State.EXITED, exit_code=1, finished_at=at)


def sick(container: ObservedContainer) -> ObservedContainer:
    return replace(container, health=Health.UNHEALTHY)


def test_what_does_well_is_left_alone() -> None:
    healing = Healer().judge([WEB], 0.0)

    assert ((), frozenset(), {}) == (healing.restart, healing.replace, healing.resting)


def test_an_unhealthy_container_is_restarted_then_replaced_then_given_up() -> None:
    healer = Healer()

    assert (sick(WEB),) == healer.judge([sick(WEB)], 0.0).restart
    assert frozenset({"web"}) == healer.judge([sick(WEB)], 60.0).replace
    third = healer.judge([sick(WEB)], 120.0)
    assert frozenset({"web"}) == third.give_up
    assert ((), frozenset()) == (third.restart, third.replace)


def test_after_a_good_while_healing_begins_anew() -> None:
    healer = Healer()
    healer.judge([sick(WEB)], 0.0)
    healer.judge([WEB], 60.0)

    assert (sick(WEB),) == healer.judge([sick(WEB)], FORGIVEN_AFTER + 1).restart


def test_three_ends_in_a_minute_are_a_crash_loop_and_told_once() -> None:
    healer = Healer()
    told = [healer.judge([ended(WEB, str(number))], 10.0 * number).began_to_loop for number in range(1, 6)]

    assert [frozenset(), frozenset(), frozenset({"web"}), frozenset(), frozenset()] == told


def test_three_ends_in_an_hour_are_no_crash_loop() -> None:
    healer = Healer()
    loops = [healer.judge([ended(WEB, str(number))], 1200.0 * number).loops for number in range(1, 4)]

    assert [frozenset()] * 3 == loops


def test_the_pauses_of_a_crash_loop_grow() -> None:
    healer = Healer()
    now, pauses = 0.0, []
    for number in range(14):
        now += 1.0
        resting = healer.judge([ended(WEB, str(number))], now).resting
        if resting:
            pauses.append(resting["web"] - now)
            now = resting["web"]

    assert [2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 300.0] == pauses[:9]


def test_while_it_rests_nothing_new_is_counted() -> None:
    healer = Healer()
    for number in range(3):
        healing = healer.judge([ended(WEB, str(number))], 1.0 + number)
    again = healer.judge([ended(WEB, "2")], 3.5)

    assert healing.resting == again.resting


def test_what_the_engine_restarts_is_told_and_left_to_the_engine() -> None:
    healer = Healer()
    for count in range(4):
        healing = healer.judge([replace(WEB, state=State.RESTARTING, restart_count=count)], float(count))

    assert frozenset({"web"}) == healing.loops
    assert {} == healing.resting


def test_restarts_of_former_times_say_nothing_of_now() -> None:
    assert frozenset() == Healer().judge([replace(WEB, restart_count=5_000)], 0.0).loops


def test_a_loop_that_runs_again_for_long_enough_is_over() -> None:
    healer = Healer()
    for number in range(3):
        healer.judge([ended(WEB, str(number))], 1.0 + number)
    running = replace(WEB, finished_at="2")
    during = healer.judge([running], 100.0)
    after = healer.judge([running], 3.0 + FORGIVEN_AFTER)

    assert frozenset({"web"}) == during.loops
    assert (frozenset(), frozenset({"web"})) == (after.loops, after.recovered)
