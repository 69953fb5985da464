"""`stack daemon run` on a real engine: a host that stays as its files say."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from orchestrator.model.host import DAYS
from scripts.machine.commands import ROOT
from tests.support.commands import Running, start_stack
from tests.support.projects import Project
from tests.support.proxy import Proxy
from tests.support.waiting import eventually

SPEC = """
    services:
      db: {image: "busybox:stable", command: sleep 100000, init: true, stop_signal: SIGKILL}
      web:
        image: busybox:stable
        command: sleep 100000
        init: true
        stop_signal: SIGKILL
        mem_limit: 64m
        depends_on: [db]
        volumes: ["data:/data"]
    volumes: {data: {}}
"""


@contextmanager
def daemon(project: Project, entry: str = "", **env: str) -> Iterator[Running]:
    """A daemon that keeps the project's stack, ended at the end."""
    project.write(f"stacks: {{{project.name}: {{path: app.yml, resync: 5s{entry}}}}}\n", "host.yml")
    with start_stack(
        ["daemon", "run", "--config", "host.yml", "--socket", "none"],
        cwd=project.folder,
        env=project.environment(env),
    ) as running:
        yield running


def runs(project: Project, *names: str) -> None:
    eventually(lambda: sorted(names) == sorted(project.running()), within=60, what=f"{names} run")


@pytest.fixture
def kept(project: Project) -> Iterator[Project]:
    """A stack that a daemon has brought up and goes on keeping."""
    project.write(SPEC)
    with daemon(project):
        runs(project, "db-1", "web-1")
        yield project


def test_what_is_removed_stopped_or_killed_by_hand_comes_back(kept: Project) -> None:
    for command in ("rm -f", "stop -t 0", "kill"):
        kept.docker(*command.split(), f"{kept.name}-web-1").ok()
        runs(kept, "db-1", "web-1")


def test_a_limit_changed_by_hand_is_put_right(kept: Project) -> None:
    before = kept.container("web")["Id"]
    kept.docker("update", "--memory", "32m", "--memory-swap", "32m", f"{kept.name}-web-1").ok()

    eventually(lambda: kept.container("web")["HostConfig"]["Memory"] == 64 << 20, within=60, what="the limit")
    assert before == kept.container("web")["Id"]


def test_a_changed_file_is_carried_out_and_a_broken_one_changes_nothing(kept: Project) -> None:
    before = kept.ids()
    kept.write(SPEC.replace("mem_limit: 64m", "mem_limt: 64m"))
    kept.docker("kill", f"{kept.name}-db-1").ok()
    kept.write(SPEC.replace("mem_limit: 64m", "mem_limit: 48m"))

    eventually(lambda: kept.container("web")["HostConfig"]["Memory"] == 48 << 20, within=60, what="the new limit")
    assert before[f"{kept.name}-web-1"] == kept.ids()[f"{kept.name}-web-1"]


def test_what_is_stopped_through_stack_stays_stopped(project: Project) -> None:
    project.write(SPEC)
    with daemon(project):
        runs(project, "db-1", "web-1")
        project.run("stop", "-t", "0", "web").ok()
        project.docker("rm", "-f", f"{project.name}-db-1").ok()
        runs(project, "db-1")
    with daemon(project) as again:
        project.docker("rm", "-f", f"{project.name}-db-1").ok()
        runs(project, "db-1")
        project.run("start", "web").ok()
        project.docker("kill", f"{project.name}-web-1").ok()
        runs(project, "db-1", "web-1")
        assert "defect" not in again.stderr


def test_a_stack_taken_down_stays_down_until_it_is_brought_up(kept: Project) -> None:
    kept.run("down", "-t", "0").ok()
    eventually(lambda: not kept.containers(), within=30, what="nothing is left")
    kept.up()
    kept.docker("rm", "-f", f"{kept.name}-web-1").ok()
    runs(kept, "db-1", "web-1")


def test_a_killed_daemon_leaves_everything_and_the_next_one_adopts_it_without_a_change(project: Project) -> None:
    project.write(SPEC)
    with daemon(project) as first:
        runs(project, "db-1", "web-1")
        before = project.ids()
        first.signal(signal.SIGKILL)
        first.process.wait()
        assert before == project.ids()
    with Proxy(project.engine.address) as proxy, daemon(project, DOCKER_HOST=proxy.address) as second:
        eventually(
            lambda: sum(str(r).startswith("GET /containers/json") for r in proxy.requests) >= 3,
            within=60,
            what="three looks at the stack",
        )
        second.signal(signal.SIGTERM)
        assert 0 == second.finish(30).code
        assert [] == [str(request) for request in proxy.requests if request.mutating]
    assert before == project.ids()


def test_a_second_daemon_waits_for_the_first_and_then_takes_over(project: Project) -> None:
    project.write(SPEC)
    with daemon(project) as first:
        runs(project, "db-1", "web-1")
        with daemon(project) as second:
            second.says("another daemon of this host keeps the stack")
            first.signal(signal.SIGKILL)
            first.process.wait()
            project.docker("rm", "-f", f"{project.name}-web-1").ok()
            runs(project, "db-1", "web-1")
            assert "defect" not in second.stderr


def test_drift_is_only_told_where_the_host_says_report(project: Project) -> None:
    project.write(SPEC)
    project.up()
    with daemon(project, ", mode: report") as running:
        project.docker("rm", "-f", f"{project.name}-web-1").ok()
        running.says("drift: web.1")
    assert ["db-1"] == project.running()


def test_outside_of_its_windows_a_new_version_waits_also_over_a_restart_and_what_is_removed_comes_back(
    project: Project,
) -> None:
    never = f', windows: ["{_yesterday()} 00:00-00:01"]'
    project.write(SPEC)
    with daemon(project) as first:
        first.says("changes made", within=60)
    project.write(SPEC.replace("mem_limit: 64m", "mem_limit: 48m"))
    for _ in range(2):
        with daemon(project, never) as running:
            running.says("waits for its window")
            project.docker("rm", "-f", f"{project.name}-web-1").ok()
            runs(project, "db-1", "web-1")
            assert 64 << 20 == project.container("web")["HostConfig"]["Memory"]
    with daemon(project):
        eventually(lambda: project.container("web")["HostConfig"]["Memory"] == 48 << 20, within=60, what="the limit")


def _yesterday() -> str:
    """A day of the week that is neither today nor tomorrow."""
    return DAYS[(datetime.now().astimezone().weekday() - 1) % 7]


def test_an_engine_that_is_not_there_yet_is_waited_for(project: Project) -> None:
    project.write(SPEC)
    with TemporaryDirectory(prefix="later-") as short:  # a socket's path has little more than a hundred characters
        missing = Path(short) / "later.sock"
        with daemon(project, DOCKER_HOST=f"unix://{missing}") as running:
            running.says("unreachable")
            missing.symlink_to(project.engine.address.removeprefix("unix://"))
            runs(project, "db-1", "web-1")


def test_a_broken_host_file_is_an_error_with_its_place(project: Project) -> None:
    project.write("stacks: {a: {mode: sometimes}}\n", "host.yml")
    with start_stack(
        ["daemon", "run", "--config", "host.yml", "--socket", "none"],
        cwd=project.folder,
        env=project.environment(),
    ) as running:
        result = running.finish()

    assert 2 == result.code
    assert "host.yml:1" in result.stderr


def test_the_stacks_of_this_repository_are_a_host_ready_to_run(project: Project) -> None:
    with start_stack(
        ["daemon", "run", "--config", str(ROOT / "stacks" / "host.yml"), "--socket", "none"],
        cwd=project.folder,
        env=project.environment(),
    ) as running:
        running.says("hello: applied")
        running.says("notes: drift")
        eventually(
            lambda: [c["State"]["Health"]["Status"] for c in project.engine.containers("hello")] == ["healthy"] * 2,
            within=60,
            what="two healthy replicas",
        )
    project.engine.remove_project("hello")
