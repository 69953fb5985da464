"""Waits end with the engine's event, fail at once when the condition cannot hold any more, and say why."""

from __future__ import annotations

import threading
from time import time

import pytest

from orchestrator.engines.docker.clock import unix_seconds
from orchestrator.errors import EngineError, Interrupted, StackError
from orchestrator.model.actions import (
    AwaitContainer,
    ContainerRef,
    KillContainer,
    RemoveContainer,
    StartContainer,
    WaitFor,
)
from orchestrator.model.container import Container
from orchestrator.model.values import Healthcheck, Resources, RestartPolicy
from tests.support.adapter import World, shell, sleeping
from tests.support.waiting import eventually

SECOND = 10**9
ALONE = {"network_mode": "none"}


def checked(test: str, retries: int = 3) -> Healthcheck:
    return Healthcheck(("CMD-SHELL", test), SECOND // 5, 5 * SECOND, None, None, retries)


def until(ref: ContainerRef, condition: WaitFor, timeout: float | None = 20.0, **more: object) -> AwaitContainer:
    return AwaitContainer(container=ref, condition=condition, timeout=timeout, **more)  # type: ignore[arg-type]


class Waiter(threading.Thread):
    """A wait under way, so that the test can do something meanwhile."""

    def __init__(self, world: World, action: AwaitContainer) -> None:
        super().__init__(daemon=True)
        self.world, self.action = world, action
        self.said: str | None = None
        self.problem: StackError | None = None
        self.start()

    def run(self) -> None:
        try:
            self.said = self.world.do(self.action)
        except StackError as problem:
            self.problem = problem

    def end(self) -> StackError | None:
        self.join(20)
        assert not self.is_alive()
        return self.problem


def test_started_is_over_when_it_runs(world: World) -> None:
    ref = world.create(sleeping(**ALONE))
    waiter = Waiter(world, until(ref, WaitFor.STARTED))
    world.do(StartContainer(container=ref))

    assert waiter.end() is None


def test_a_finished_one_shot_was_started_is_ready_and_completed(world: World) -> None:
    ref = world.run(shell("exit 0", **ALONE))
    eventually(lambda: not world.container().running)
    for condition in (WaitFor.STARTED, WaitFor.READY, WaitFor.STABLE, WaitFor.COMPLETED):
        assert world.do(until(ref, condition, monitor_ns=60 * SECOND)) == ""


def test_healthy_is_over_with_the_first_good_check(world: World) -> None:
    ref = world.run(sleeping(healthcheck=checked("test -f /tmp/ok"), **ALONE))
    waiter = Waiter(world, until(ref, WaitFor.HEALTHY))
    world.engine.exec(ref.name, "touch", "/tmp/ok")

    assert waiter.end() is None
    assert world.container().health == "healthy"


def test_unhealthy_fails_with_the_checks_output_and_the_last_log_lines(world: World) -> None:
    settings = shell("echo here is why; sleep 1000", healthcheck=checked("echo not today; exit 3", 2), **ALONE)
    ref = world.run(settings)
    with pytest.raises(EngineError) as failed:
        world.do(until(ref, WaitFor.READY))

    assert failed.value.ref == "container-failed"
    lines = failed.value.message.splitlines()
    assert lines[0] == f"container {ref.name} is unhealthy"
    assert "last health check: exit code 3: not today" in failed.value.message
    assert lines[-1].strip() == "here is why"


def test_an_exit_ends_every_wait_at_once_with_its_code_and_last_words(world: World) -> None:
    ref = world.run(shell("for i in $(seq 30); do echo line $i; done; exit 9", healthcheck=checked("true"), **ALONE))
    for condition in (WaitFor.HEALTHY, WaitFor.READY, WaitFor.STABLE, WaitFor.COMPLETED):
        with pytest.raises(EngineError) as failed:
            world.do(until(ref, condition, monitor_ns=60 * SECOND))
        assert any(text in failed.value.message for text in ("exited with code 9", "exited (9)"))
        assert "line 30" in failed.value.message
        assert "line 20\n" not in failed.value.message


def test_a_kill_during_the_wait_ends_it(world: World) -> None:
    ref = world.run(sleeping(healthcheck=checked("false", 1000), **ALONE))
    waiter = Waiter(world, until(ref, WaitFor.HEALTHY, timeout=None))
    world.do(KillContainer(container=ref))
    problem = waiter.end()

    assert problem is not None
    assert "exited (137) (SIGKILL)" in problem.message


def test_a_removal_during_the_wait_ends_it(world: World) -> None:
    ref = world.run(sleeping(healthcheck=checked("false", 1000), **ALONE))
    waiter = Waiter(world, until(ref, WaitFor.HEALTHY, timeout=None))
    world.do(RemoveContainer(container=ref, force=True))
    problem = waiter.end()

    assert problem is not None
    assert "removed" in problem.message or "exited" in problem.message


def test_a_container_that_is_not_there_cannot_be_waited_for(world: World) -> None:
    with pytest.raises(EngineError, match="was removed"):
        world.do(until(world.ref(), WaitFor.STARTED))


def test_health_without_a_health_check_can_never_hold(world: World) -> None:
    ref = world.run(sleeping(**ALONE))
    with pytest.raises(EngineError, match="has no health check"):
        world.do(until(ref, WaitFor.HEALTHY, timeout=None))


def test_stable_means_through_the_monitor_window(world: World) -> None:
    """The window begins with the container, not with the wait: what has run for longer is stable at once."""
    ref = world.run(sleeping(**ALONE))
    world.do(until(ref, WaitFor.READY, monitor_ns=SECOND))
    assert time() - unix_seconds(world.container().started_at) >= 1

    world.do(until(ref, WaitFor.STABLE, monitor_ns=SECOND // 2, timeout=0.001))


def test_an_exit_within_the_monitor_window_fails(world: World) -> None:
    ref = world.run(shell("sleep 0.3; exit 4", **ALONE))
    with pytest.raises(EngineError, match="exited with code 4"):
        world.do(until(ref, WaitFor.READY, monitor_ns=60 * SECOND))


def test_a_crash_loop_is_not_stable(world: World) -> None:
    """Its restart policy makes it run again and again; it never serves."""
    ref = world.run(shell("sleep 0.2; exit 4", restart=RestartPolicy("always"), **ALONE))
    with pytest.raises(EngineError, match="restart policy"):
        world.do(until(ref, WaitFor.READY, monitor_ns=60 * SECOND))


def test_a_crash_loop_is_not_healthy_but_one_crash_is_forgiven(world: World) -> None:
    check = checked("test -f /tmp/up")
    once = "if test -f /tmp/been; then touch /tmp/up; sleep 1000; fi; touch /tmp/been; exit 1"
    good = world.run(shell(once, restart=RestartPolicy("always"), healthcheck=check, **ALONE))
    world.do(until(good, WaitFor.HEALTHY))

    bad = world.run(shell("exit 1", restart=RestartPolicy("always"), healthcheck=check, **ALONE), "bad")
    with pytest.raises(EngineError, match="keeps restarting"):
        world.do(until(bad, WaitFor.HEALTHY))


def test_a_timeout_says_what_was_waited_for_and_what_the_checks_said(world: World) -> None:
    ref = world.run(sleeping(healthcheck=checked("echo no; exit 1", 1000), **ALONE))
    with pytest.raises(EngineError) as failed:
        world.do(until(ref, WaitFor.HEALTHY, timeout=1.0))

    assert failed.value.ref == "timeout"
    assert "is not healthy after 1 s" in failed.value.message
    assert "exit code 1: no" in failed.value.message


def test_what_is_not_required_is_not_waited_for_in_vain(world: World) -> None:
    ref = world.run(shell("exit 9", **ALONE))
    said = world.do(until(ref, WaitFor.COMPLETED, required=False))

    assert said == f'optional dependency "{ref.service}" failed to start: container {ref.name} exited (9)'


def test_an_interrupt_ends_the_wait(world: World) -> None:
    ref = world.run(sleeping(healthcheck=checked("false", 1000), **ALONE))
    waiter = Waiter(world, until(ref, WaitFor.HEALTHY, timeout=None))
    world.cancel.set(2)

    assert isinstance(waiter.end(), Interrupted)


def test_out_of_memory_is_named_with_its_limit(world: World) -> None:
    hungry: Container = shell(
        "head -c 100m /dev/zero | tail -c 100m | wc -c; dd if=/dev/zero of=/dev/null bs=64M count=4",
        resources=Resources(memory=16 * 2**20, memory_swap=16 * 2**20), init=False, **ALONE,
    )  # fmt: skip
    ref = world.run(hungry)
    eventually(lambda: not world.container().running)
    if world.container().oom_killed:
        with pytest.raises(EngineError, match="out of memory, the limit is 16 MiB"):
            world.do(until(ref, WaitFor.COMPLETED))


def test_many_waits_share_one_subscription(world: World) -> None:
    refs = [world.create(sleeping(**ALONE), f"s{number}") for number in range(6)]
    waiters = [Waiter(world, until(ref, WaitFor.STARTED)) for ref in refs]
    for ref in refs:
        world.do(StartContainer(container=ref))

    assert [None] * len(refs) == [waiter.end() for waiter in waiters]
    assert len([thread for thread in threading.enumerate() if thread.name == "engine-events"]) == 1
