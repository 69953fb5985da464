"""Containers that do not do well: what is done about them, in which order, and when it stops."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.controller.healing import FOREVER, FORGIVEN_AFTER, Healer, Rule
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
    healer.judge([WEB], 60.0 + FORGIVEN_AFTER)

    assert (sick(WEB),) == healer.judge([sick(WEB)], 61.0 + FORGIVEN_AFTER).restart


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
    after = healer.judge([running], 100.0 + FORGIVEN_AFTER)

    assert frozenset({"web"}) == during.loops
    assert (frozenset(), frozenset({"web"})) == (after.loops, after.recovered)


def test_a_check_that_takes_long_to_fail_is_treated_further_all_the_same() -> None:
    healer = Healer()
    healer.judge([sick(WEB)], 0.0)
    healer.judge([replace(WEB, health=Health.STARTING)], 1.0)

    assert frozenset({"web"}) == healer.judge([sick(WEB)], 300.0).replace


def test_replicas_that_end_together_are_no_crash_loop() -> None:
    healer = Healer()
    three = [replace(WEB, id=str(slot), slot=slot) for slot in (1, 2, 3)]

    assert frozenset() == healer.judge([ended(one, "1") for one in three], 1.0).loops


def test_what_never_gets_well_is_treated_at_most_twenty_times_in_an_hour() -> None:
    healer = Healer()
    treatments = 0
    for second in range(3600):
        healing = healer.judge([sick(WEB)], float(second))
        treatments += bool(healing.acts)

    assert treatments <= 20


def test_a_delay_is_waited_for_before_each_start() -> None:
    healer = Healer()
    healing = healer.judge([ended(WEB, "1")], 10.0, {"web": Rule(delay=7.0)})

    assert {"web": 17.0} == healing.resting
    assert {} == healer.judge([ended(WEB, "1")], 17.0, {"web": Rule(delay=7.0)}).resting


def test_after_its_attempts_a_service_is_left_and_that_is_told_once() -> None:
    healer, rule = Healer(), {"web": Rule(attempts=2)}
    told = [bool(healer.judge([ended(WEB, str(n))], 400.0 * n, rule).exhausted) for n in range(1, 4)]
    later = healer.judge([ended(WEB, "3")], 99_999.0, rule)

    assert [False, False, True] == told
    assert {"web": FOREVER} == later.resting
    assert frozenset() == later.exhausted


def test_attempts_before_a_window_of_doing_well_do_not_count() -> None:
    healer, rule = Healer(), {"web": Rule(attempts=1, window=10.0)}
    for at in (0.0, 100.0, 200.0):
        healing = healer.judge([ended(WEB, str(at))], at, rule)
        healer.judge([replace(WEB, finished_at=str(at))], at + 1, rule)
        healer.judge([replace(WEB, finished_at=str(at))], at + 20, rule)

    assert frozenset() == healing.exhausted
