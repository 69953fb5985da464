"""Updates behind a front end under a steady load, from outside and from inside of the stack: no request may fail.

A few updates, a version of each bad kind, and a command killed at some of its engine calls run every time. Fifty updates,
twenty bad versions and a kill at every call are ``long``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.commands import Result
from tests.support.faults import kill_after, kill_before
from tests.support.load import Load, Report
from tests.support.projects import Project

PORT = 18490
SPEC = """
    services:
      web:
        image: {image}
        command: ["sh", "-c", "mkdir -p /www; echo {version} > /www/version; {script}"]
        environment: {{VERSION: "{version}"}}
        stop_signal: SIGKILL
        healthcheck: {{test: {test}, interval: 300ms, retries: 2}}
        ports: [{{target: 80, published: "{port}", app_protocol: http}}]
        deploy: {{replicas: 2, endpoint_mode: vip, update_config: {{order: start-first, monitor: {monitor}}}}}
        x-stack: {{probe: {{tcp: {{port: 80}}, start_period: 4s, interval: 300ms, retries: 2}}}}
      client:
        image: busybox:stable
        command: sleep 100000
        stop_signal: SIGKILL
        depends_on: [web]
"""
GOOD = {
    "image": "busybox:stable",
    "script": "exec httpd -f -p 80 -h /www",
    "test": "[CMD, 'true']",
    "monitor": "500ms",
    "port": str(PORT),
}
BAD = {
    "never-healthy": {"test": "[CMD, 'false']"},
    "exits-at-once": {"script": "exit 3"},
    "wrong-port": {"script": "exec httpd -f -p 81 -h /www"},
    "crashes-soon": {"script": "httpd -p 80 -h /www; sleep 3; exit 4", "monitor": "5s"},
    "missing-image": {"image": "127.0.0.1:1/nowhere:1"},
}
PIECES = 11  # of the calls, each from the beginning of an update to its end
CALLS = 110  # of one update, with room; a call beyond the last one is not killed and passes


def write(project: Project, version: str, **change: str) -> None:
    project.write(SPEC.format(version=version, **GOOD | change))


@contextmanager
def load(project: Project, port: int = PORT) -> Iterator[list[Report]]:
    """Both clients at a hundred requests a second; their reports are there once it ends."""
    inside = project.container("client")["State"]["Pid"]
    reports: list[Report] = []
    with Load(port=port, address=project.engine.host) as one, Load(port=80, name="web", pid=inside) as other:
        yield reports
    reports += [one.report, other.report]


def assert_nothing_failed(reports: list[Report]) -> None:
    for report in reports:
        assert report.failures == []
        assert report.sent > 100
    print(
        f"\n{sum(r.sent for r in reports)} requests, 0 failed, the slowest took {max(r.slowest for r in reports):.2f} s"
    )


def update(project: Project, version: str, **change: str) -> Result:
    write(project, version, **change)
    return project.run("up", "-d", limit=300)


def roll(project: Project, versions: range) -> None:
    write(project, "0")
    project.up()
    with load(project) as reports:
        for version in versions:
            update(project, str(version)).ok()
    assert_nothing_failed(reports)
    assert {str(version) for version in versions} <= reports[0].answers.keys()


def fail(project: Project, kinds: list[str]) -> None:
    write(project, "0")
    project.up()
    before = project.ids()
    with load(project) as reports:
        for number, kind in enumerate(kinds):
            update(project, f"bad{number}", **BAD[kind]).failed(1)
            assert before == project.ids()
    assert_nothing_failed(reports)
    assert ["0"] == sorted(reports[0].answers)


def sweep(project: Project, calls: range, port: int = PORT) -> None:
    write(project, "0", port=str(port))
    project.up()
    with load(project, port) as reports:
        for number, call in enumerate(calls):
            for side, make in (("before", kill_before), ("after", kill_after)):
                write(project, f"{number}{side}", port=str(port))
                project.run("up", "-d", fault=make(call), limit=300)
                project.run("up", "-d", limit=300).ok()
    assert_nothing_failed(reports)
    assert project.up().mutations == []


def test_no_request_fails_in_updates(front_project: Project) -> None:
    roll(front_project, range(1, 4))


def test_no_request_fails_when_versions_are_bad(front_project: Project) -> None:
    fail(front_project, list(BAD))


def test_no_request_fails_when_the_command_is_killed(front_project: Project) -> None:
    sweep(front_project, range(20, 80, 20))


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_no_request_fails_in_fifty_updates(front_project: Project) -> None:
    roll(front_project, range(1, 51))


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_no_request_fails_in_twenty_bad_versions(front_project: Project) -> None:
    fail(front_project, list(BAD) * 4)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("first", range(1, PIECES + 1))
def test_no_request_fails_whichever_call_the_command_is_killed_at(front_project: Project, first: int) -> None:
    sweep(front_project, range(first, CALLS, PIECES), port=PORT + first)
