"""Two runs of one stack at once come out as if one had followed the other."""

from __future__ import annotations

import json
import signal

from tests.support.projects import Project

SLOW = 'services: {web: {image: "busybox:stable", command: sleep 1000, stop_signal: SIGKILL, healthcheck: {test: [CMD, test, -f, /go], interval: 100ms, retries: 1000}}}'


def test_the_second_up_is_refused_with_no_wait_and_waits_without(project: Project) -> None:
    project.write(SLOW)
    with project.start("up", "-d", "--wait") as first:
        first.says("Waiting")
        refused = project.run("up", "-d", "--no-wait")
        assert refused.code == 75, str(refused)
        assert str(first.process.pid) in refused.stderr
        with project.start("up", "-d") as second:
            second.says("waiting for it to end")
            assert second.process.poll() is None
            project.engine.exec(project.container("web")["Id"], "touch", "/go")
            first.finish().ok()
            second.finish().ok()
    assert project.running() == ["web-1"]


def test_a_killed_holder_lets_the_next_one_in_who_completes_its_work(project: Project) -> None:
    """The kernel frees the lock; what the killed run had begun is taken over, not made a second time."""
    project.write(SLOW)
    with project.start("up", "-d", "--wait") as first:
        first.says("Waiting")
        begun = project.ids()
        with project.start("up", "-d", "--wait") as second:
            second.says("waiting for it to end")
            assert project.run("up", "-d", "--no-wait").code == 75
            first.signal(signal.SIGKILL)
            second.says("Waiting")
            project.engine.exec(project.container("web")["Id"], "touch", "/go")
            second.finish().ok()
    assert project.ids() == begun
    assert project.up("--no-wait").mutations == []


def test_four_at_once_leave_one_container_a_slot_and_one_network(project: Project) -> None:
    project.write('services: {web: {image: "busybox:stable", command: sleep 1000, stop_signal: SIGKILL, scale: 2}}')
    runs = [project.start("up", "-d") for _ in range(4)]
    for run in runs:
        with run:
            run.finish().ok()

    assert sorted(project.running()) == ["web-1", "web-2"]
    assert len(project.containers()) == 2
    assert len(project.engine.networks(project.name)) == 1


def test_a_saved_plan_is_carried_out_exactly_and_refused_once_the_world_has_moved(project: Project) -> None:
    project.write('services: {web: {image: "busybox:stable", command: sleep 1000, stop_signal: SIGKILL}}')
    project.run("plan", "--out", "plan.json").ok()
    assert json.loads((project.folder / "plan.json").read_text())
    project.run("apply", "plan.json").ok()
    assert project.running() == ["web-1"]
    project.docker("stop", f"{project.name}-web-1").ok()
    project.run("plan", "--out", "plan.json").ok()
    project.docker("rm", f"{project.name}-web-1").ok()
    refused = project.run("apply", "plan.json").failed(1)
    assert "web" in refused.stderr
    assert project.running() == []
