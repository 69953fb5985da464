"""`stack daemon run` when things go wrong: what does not get well, and an engine that hangs, restarts, or loses its events."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from orchestrator.api.client import Client
from orchestrator.errors import StackError
from scripts.machine.engine_api import EngineRefused
from tests.conftest import EngineMaker, ProjectMaker
from tests.engine.test_daemon import SPEC, daemon, runs
from tests.support.commands import Running, start_stack
from tests.support.faults import kill_before, mute_events, stall
from tests.support.fragile import Fragile
from tests.support.projects import Project
from tests.support.proxy import Proxy
from tests.support.waiting import eventually

CHECKED = """
    services:
      web:
        image: busybox:stable
        command: sh -c 'touch /ok; exec sleep 100000'
        init: true
        stop_signal: SIGKILL
        labels: {version: "%s"}
        healthcheck: {test: "test -e /ok", interval: 300ms, retries: 1, start_period: 0s}
        deploy: {update_config: {monitor: 100ms}}
"""


def version(project: Project) -> str:
    found = project.container("web")
    return str(found["Config"]["Labels"]["version"]) if found and found["State"]["Running"] else ""


def make_sick(project: Project) -> None:
    """Its check fails from now on: as often as it is mended, this is done again."""
    try:
        project.engine.exec(f"{project.name}-web-1", "rm", "-f", "/ok")
    except EngineRefused:
        return  # it is being mended at this moment


def test_a_new_revision_that_stays_unhealthy_gives_way_to_the_one_before(project: Project) -> None:
    project.write(CHECKED % 1)
    with daemon(project) as running:
        eventually(lambda: version(project) == "1", within=90, what="the first version runs")
        running.says("applied")
        project.write(CHECKED % 2)
        eventually(lambda: version(project) == "2", within=90, what="the second version runs")

        def gone_back() -> bool:
            if version(project) == "2":
                make_sick(project)
            return "serves again, until the file says something new" in running.stderr

        eventually(gone_back, within=120, what="the daemon goes back")
        eventually(lambda: version(project) == "1", within=60, what="the first version serves again")
        assert "restarted" in running.stderr
        assert "replaced" in running.stderr
        project.docker("rm", "-f", f"{project.name}-web-1").ok()
        eventually(lambda: version(project) == "1", within=60, what="what was gone back to is kept")
        project.write(CHECKED % 3)
        eventually(lambda: version(project) == "3", within=90, what="a new version of the file is tried")


def test_a_rollback_by_hand_is_kept_until_the_file_changes(project: Project) -> None:
    project.write(CHECKED % 1)
    with daemon(project) as running:
        eventually(lambda: version(project) == "1", within=90, what="the first version runs")
        project.write(CHECKED % 2)
        eventually(lambda: version(project) == "2", within=90, what="the second version runs")
        project.run("rollback", "--yes").ok()
        assert "1" == version(project)
        project.docker("rm", "-f", f"{project.name}-web-1").ok()
        eventually(lambda: version(project) == "1", within=60, what="what was gone back to is kept")
        project.write(CHECKED % 3)
        eventually(lambda: version(project) == "3", within=90, what="a new version of the file is brought about")
        assert "defect" not in running.stderr


def test_replicas_changed_by_hand_are_drift_and_a_newer_up_is_not_undone(project: Project) -> None:
    project.write(SPEC)
    with daemon(project):
        runs(project, "db-1", "web-1")
        project.run("scale", "web=3").ok()
        runs(project, "db-1", "web-1")
        project.write(SPEC.replace("mem_limit: 64m", "mem_limit: 48m"))
        project.run("up", "-d").ok()
        eventually(lambda: project.container("web")["HostConfig"]["Memory"] == 48 << 20, within=60, what="the limit")
        before = project.ids()
        project.docker("rm", "-f", f"{project.name}-db-1").ok()
        runs(project, "db-1", "web-1")
    assert before[f"{project.name}-web-1"] == project.ids()[f"{project.name}-web-1"]
    assert 48 << 20 == project.container("web")["HostConfig"]["Memory"]


def test_what_another_user_stops_stays_stopped(project: Project, tmp_path: Path) -> None:
    project.write(SPEC)
    socket = str(tmp_path / "s")
    project.write(f"stacks: {{{project.name}: {{path: app.yml, resync: 2s}}}}\n", "host.yml")
    words = ["daemon", "run", "--config", "host.yml", "--socket", socket]
    with start_stack(words, cwd=project.folder, env=project.environment()):
        runs(project, "db-1", "web-1")
        other = {"STACK_STATE_DIR": str(tmp_path / "other"), "STACK_DAEMON_SOCKET": socket}
        project.run("stop", "-t", "0", "web", env=other).ok()
        project.docker("rm", "-f", f"{project.name}-db-1").ok()
        runs(project, "db-1")
        project.run("start", "web", env=other).ok()
        project.docker("kill", f"{project.name}-web-1").ok()
        runs(project, "db-1", "web-1")


def test_another_users_rollback_is_the_daemons_own(project: Project, tmp_path: Path) -> None:
    project.write(SPEC)
    socket = str(tmp_path / "s")
    project.write(f"stacks: {{{project.name}: {{path: app.yml, resync: 2s}}}}\n", "host.yml")
    words = ["daemon", "run", "--config", "host.yml", "--socket", socket]
    other = {"STACK_STATE_DIR": str(tmp_path / "other"), "STACK_DAEMON_SOCKET": socket}
    with start_stack(words, cwd=project.folder, env=project.environment()) as running:
        runs(project, "db-1", "web-1")
        project.write(SPEC.replace("mem_limit: 64m", "mem_limit: 48m"))
        eventually(lambda: project.container("web")["HostConfig"]["Memory"] == 48 << 20, within=60, what="the limit")
        eventually(lambda: running.stderr.count("changes made") == 2, within=30, what="two revisions")
        refused = project.run("rollback", "77", env=other)
        assert (1, True) == (refused.code, "no revision 77" in refused.stderr)
        said = project.run("rollback", env=other).ok().stderr
        assert "keeps" in said
        assert "revision 1 serves again" in said
        project.docker("rm", "-f", f"{project.name}-web-1").ok()
        eventually(lambda: project.running() == ["db-1", "web-1"], within=60, what="it is back")
        assert 64 << 20 == project.container("web")["HostConfig"]["Memory"], "what was gone back to is kept"


@pytest.mark.parametrize("at", [1, 3, 5])
def test_a_daemon_killed_while_it_goes_back_is_taken_over_from(project: Project, at: int) -> None:
    project.write(CHECKED % 1)
    project.write(f"stacks: {{{project.name}: {{path: app.yml, resync: 5s}}}}\n", "host.yml")
    with TemporaryDirectory(prefix="back-") as short, Proxy(project.engine.address) as proxy:
        words, client = ["daemon", "run", "--config", "host.yml", "--socket", f"{short}/s"], Client(f"{short}/s")
        env = project.environment({"DOCKER_HOST": proxy.address})
        with start_stack(words, cwd=project.folder, env=env) as running:
            for number in (1, 2):
                project.write(CHECKED % number)
                eventually(lambda now=number: version(project) == str(now), within=90, what=f"version {number}")
                eventually(lambda: client.stack(project.name)["phase"] == "converged", within=60, what="converged")
            proxy.aim_at(running.process.pid)
            proxy.fail_from_now_on(kill_before(len(proxy.mutations) + at))
            eventually(lambda: _is_killed_going_back(client, project, running), within=30, what="it is killed")
        with daemon(project) as again:
            eventually(lambda: version(project) == "1", within=60, what="what was gone back to serves")
            eventually(lambda: project.running() == ["web-1"], within=60, what="and nothing else")
            project.docker("rm", "-f", f"{project.name}-web-1").ok()
            eventually(lambda: version(project) == "1", within=60, what="and is kept")
            assert "defect" not in again.stderr


def _is_killed_going_back(client: Client, project: Project, running: Running) -> bool:
    """A pass that is under way refuses the order, which is then given again."""
    try:
        client.rollback(project.name)
    except StackError:
        pass
    return running.process.poll() is not None


JOB = """
    services:
      job: {image: "busybox:stable", command: "true"}
      web:
        image: busybox:stable
        command: sleep 100000
        init: true
        stop_signal: SIGKILL
        depends_on: {job: {condition: service_completed_successfully}}
"""


def test_a_job_that_has_finished_is_not_run_again(project: Project) -> None:
    project.write(JOB)
    with daemon(project):
        runs(project, "web-1")
        finished = project.container("job")["State"]["FinishedAt"]
        project.docker("rm", "-f", f"{project.name}-web-1").ok()
        runs(project, "web-1")
    with daemon(project) as again:
        project.docker("kill", f"{project.name}-web-1").ok()
        runs(project, "web-1")
        assert "defect" not in again.stderr
    assert finished == project.container("job")["State"]["FinishedAt"]


RESTARTS = """
    services:
      web:
        image: busybox:stable
        command: sh -c 'exit 3'
        deploy: {restart_policy: {condition: any, delay: 200ms, max_attempts: 2}}
"""


def test_a_restart_policy_is_carried_out_by_the_daemon_and_not_fought_over(project: Project) -> None:
    project.write(RESTARTS)
    with daemon(project) as running:
        running.says("ended as often as its restart_policy allows", within=90)
        found = project.container("web")
        assert found["HostConfig"]["RestartPolicy"]["Name"] in ("", "no")
        assert 3 == found["State"]["ExitCode"]
        assert "restart" not in project.run("plan").stdout.replace("restart_policy", "")


@pytest.mark.parametrize("forgetful", [False, True], ids=["answers late", "never answers what was asked"])
def test_an_engine_that_hangs_is_named_and_healed_after(project: Project, forgetful: bool) -> None:
    project.write(SPEC)
    with Proxy(project.engine.address) as proxy, daemon(project, DOCKER_HOST=proxy.address) as running:
        runs(project, "db-1", "web-1")
        running.says("applied")
        proxy.hang()
        project.docker("rm", "-f", f"{project.name}-web-1").ok()
        running.says("the engine hangs", within=30)
        proxy.go_on(forgetful=forgetful)
        running.says("the engine answers again", within=30)
        runs(project, "db-1", "web-1")
        project.docker("rm", "-f", f"{project.name}-db-1").ok()
        runs(project, "db-1", "web-1")
        assert 1 == running.stderr.count("the engine hangs")
        assert "failed" not in running.stderr
        assert "defect" not in running.stderr


def test_a_call_that_takes_long_is_no_engine_that_hangs(project: Project) -> None:
    project.write(SPEC)
    slow = stall(match="POST /containers/create")
    with Proxy(project.engine.address, fault=slow) as proxy, daemon(project, DOCKER_HOST=proxy.address) as running:
        assert proxy.fired.wait(60)
        seen = len(proxy.requests)
        eventually(
            lambda: sum(str(one) == "HEAD /_ping" for one in proxy.requests[seen:]) >= 4,
            within=60,
            what="the engine is asked beside the call",
        )
        assert "unreachable" not in running.stderr


def test_a_hanging_and_a_restarted_engine_are_waited_for_and_healed(
    private_engine: EngineMaker, make_project: ProjectMaker
) -> None:
    engine = private_engine()
    fragile, project = Fragile(engine), make_project(on=engine)
    project.write(SPEC)
    with daemon(project) as running:
        runs(project, "db-1", "web-1")
        with fragile.hanging():
            project.write(SPEC.replace("mem_limit: 64m", "mem_limit: 48m"))
            assert [] == [line for line in running.stderr.splitlines() if "error" in line]
        eventually(lambda: project.container("web")["HostConfig"]["Memory"] == 48 << 20, within=60, what="the limit")
        runs(project, "db-1", "web-1")
        fragile.end()
        running.says("unreachable", within=60)
        fragile.begin()
        runs(project, "db-1", "web-1")
        fragile.end(crash=True)
        fragile.begin()
        runs(project, "db-1", "web-1")
        assert "defect" not in running.stderr


@pytest.mark.parametrize("first_up", ["the daemon", "the engine"])
def test_after_a_reboot_stacks_start_in_their_order(
    private_engine: EngineMaker, make_project: ProjectMaker, first_up: str
) -> None:
    engine = private_engine()
    fragile, first, second = Fragile(engine), make_project(on=engine), make_project(on=engine)
    first.write(SPEC)
    second.write(SPEC + f"    x-stack: {{after: [{first.name}]}}\n")
    host = f"stacks: {{{second.name}: {{path: {second.folder}/app.yml}}, {first.name}: {{path: app.yml}}}}\n"
    with _host(first, host):
        runs(second, "db-1", "web-1")
    fragile.end()
    if first_up == "the engine":
        fragile.begin()
        assert [] == [*first.running(), *second.running()]
    with _host(first, host) as running:
        if first_up == "the daemon":
            running.says("unreachable", within=60)
            fragile.begin()
        runs(first, "db-1", "web-1")
        runs(second, "db-1", "web-1")
        started = [
            project.container(service)["State"]["StartedAt"] for project in (first, second) for service in ("db", "web")
        ]
        assert sorted(started) == started


@contextmanager
def _host(project: Project, text: str) -> Iterator[Running]:
    project.write(text, "host.yml")
    words = ["daemon", "run", "--config", "host.yml", "--socket", "none"]
    with start_stack(words, cwd=project.folder, env=project.environment()) as running:
        yield running


def test_what_no_event_told_of_is_mended_by_the_resync(project: Project) -> None:
    project.write(SPEC)
    with Proxy(project.engine.address, fault=mute_events()) as proxy, daemon(project, DOCKER_HOST=proxy.address):
        runs(project, "db-1", "web-1")
        project.docker("rm", "-f", f"{project.name}-web-1").ok()
        runs(project, "db-1", "web-1")


def test_a_flood_of_events_costs_passes_by_the_pace_and_not_by_the_event(project: Project, tmp_path: Path) -> None:
    project.write(SPEC)
    project.write(f"stacks: {{{project.name}: {{path: app.yml, resync: 10m}}}}\n", "host.yml")
    with TemporaryDirectory(prefix="flood-") as short, Proxy(project.engine.address) as proxy:
        words = ["daemon", "run", "--config", "host.yml", "--socket", f"{short}/s"]
        client = Client(f"{short}/s")
        with start_stack(words, cwd=project.folder, env=project.environment({"DOCKER_HOST": proxy.address})) as running:
            runs(project, "db-1", "web-1")
            eventually(lambda: client.stack(project.name)["phase"] == "converged", within=30, what="converged")
            before, began = _passes(client), time.monotonic()
            attributes = {"name": f"{project.name}-web-1", "com.docker.compose.project": project.name}
            for _ in range(50):
                event = {"Type": "container", "Action": "die", "Actor": {"ID": "f" * 64, "Attributes": attributes}}
                proxy.inject([event] * 100)
                eventually(lambda: not proxy.injecting, within=60, what="they are told")
            eventually(lambda: _passes(client) > before, within=30, what="the stack is looked at")
            project.docker("rm", "-f", f"{project.name}-web-1").ok()
            runs(project, "db-1", "web-1")
            made, seconds = _passes(client) - before, time.monotonic() - began
            assert made <= 3 + seconds + 1, f"{made} passes in {seconds:.1f} s"
            assert "defect" not in running.stderr


def _passes(client: Client) -> int:
    lines = client.text("/metrics").splitlines()
    return round(sum(float(line.split()[-1]) for line in lines if line.startswith("stack_passes_total{")))


PROBED = """
    services:
      web:
        image: busybox:stable
        command: sh -c 'while true; do nc -l -p 7000 -e true; test ! -e /deaf || sleep 100000; done'
        init: true
        stop_signal: SIGKILL
        deploy: {update_config: {monitor: 100ms}}
        x-stack: {probe: {tcp: {port: 7000}, interval: 500ms, timeout: 500ms, retries: 3, start_period: 20s}}
"""


def test_what_no_longer_answers_its_probe_is_restarted(project: Project) -> None:
    project.write(PROBED)
    with daemon(project) as running:
        runs(project, "web-1")
        running.says("applied")
        before = project.container("web")["State"]["StartedAt"]
        project.engine.exec(f"{project.name}-web-1", "touch", "/deaf")
        running.says("unhealthy, restarted", within=60)
        eventually(lambda: project.container("web")["State"]["StartedAt"] > before, within=30, what="another start")
