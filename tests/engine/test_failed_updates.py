"""Whatever is wrong with a new version, in whichever order it comes: the command fails, and the old version serves.

How long that takes from the first word of the failure to the end of the command is printed, not asserted. Five ways to fail run
every time, all others are ``long``.
"""

from __future__ import annotations

import time

import pytest

from tests.support.commands import Result
from tests.support.projects import Project
from tests.support.waiting import eventually

SPEC = """
    services:
      web:
        image: {image}
        command: ["sh", "-c", "mkdir -p /www; echo {version} > /www/version; {script}"]
        environment: {{VERSION: "{version}"}}
        stop_signal: SIGKILL
        healthcheck: {{test: [CMD, "true"], interval: 300ms, retries: 2}}
        deploy: {{update_config: {{order: {order}, monitor: {monitor}}}}}
        x-stack: {{probe: {{tcp: {{port: 80}}, start_period: 4s, interval: 300ms, retries: 2}}}}
        {more}
      other:
        image: busybox:stable
        command: sleep 100000
        stop_signal: SIGKILL
        ports: ["18470:80"]
"""
GOOD = {
    "image": "busybox:stable",
    "script": "exec httpd -f -p 80 -h /www",
    "monitor": "500ms",
    "more": "labels: {good: 'yes'}",
}
BAD = {
    "never-healthy": {"more": "healthcheck: {test: [CMD, 'false']}"},
    "exits-at-once": {"script": "exit 3"},
    "crashes-after-three-seconds": {"script": "httpd -p 80 -h /www; sleep 3; exit 4", "monitor": "5s"},
    "wrong-port": {"script": "exec httpd -f -p 81 -h /www"},
    "no-such-program": {"more": "entrypoint: [/no/such/program]"},
    "no-such-user": {"more": "user: nobody-of-that-name"},
    "missing-image": {"image": "127.0.0.1:1/nowhere:1"},
    "taken-port": {"more": "ports: ['18470:80']"},
    "missing-secret": {"more": "secrets: [{source: nowhere, target: token}]"},
    "missing-bind-source": {
        "more": "volumes: [{type: bind, source: ./nowhere, target: /data, bind: {create_host_path: false}}]"
    },
    "missing-network": {"more": "networks: [nowhere]"},
    "failed-migration": {"more": "pre_start: [{command: [sh, -c, 'exit 5']}]"},
    "failed-hook": {"more": "post_start: [{command: [sh, -c, 'exit 6']}]"},
}
ALWAYS = {
    ("never-healthy", "stop-first"),
    ("exits-at-once", "start-first"),
    ("no-such-program", "stop-first"),
    ("missing-image", "start-first"),
    ("missing-secret", "stop-first"),
}
CASES = [
    pytest.param(kind, order, marks=() if (kind, order) in ALWAYS else pytest.mark.long, id=f"{kind}-{order}")
    for kind in BAD
    for order in ("stop-first", "start-first")
]
OUTSIDE = """
    secrets: {nowhere: {file: ./nowhere}}
    networks: {nowhere: {external: true, name: nowhere-at-all}}
"""


def write(project: Project, version: str, order: str, **change: str) -> None:
    text = SPEC.format(version=version, order=order, **GOOD | change)
    if "healthcheck" in change.get("more", ""):
        text = text.replace('        healthcheck: {test: [CMD, "true"], interval: 300ms, retries: 2}\n', "")
        text = text.replace("[CMD, 'false']", "[CMD, 'false'], interval: 300ms, retries: 2")
    project.write(text + (OUTSIDE if "nowhere" in change.get("more", "") else ""))


def fail(project: Project) -> tuple[Result, float]:
    """``up -d``, which must fail, and the seconds from its first word of that to its end."""
    with project.start("--progress", "json", "up", "-d") as running:
        eventually(lambda: '"Error"' in running.stderr or running.process.poll() is not None, within=100)
        known = time.monotonic()
        result = running.finish()
        return result, time.monotonic() - known


@pytest.mark.parametrize(("kind", "order"), CASES)
def test_the_old_version_serves_after_an_update_that_fails(project: Project, kind: str, order: str) -> None:
    write(project, "1", order)
    project.up()
    before = project.container("web")
    write(project, "2", order, **BAD[kind])
    result, seconds = fail(project)

    assert result.code != 0, str(result)
    after = project.container("web")
    assert before["Id"] == after["Id"]
    assert after["State"]["Running"]
    assert ["other-1", "web-1"] == sorted(project.running())
    code, said = project.engine.exec(f"{project.name}-web-1", "wget", "-qO-", "http://127.0.0.1/version")
    assert (code, said.strip()) == (0, "1")
    if order == "start-first" and kind != "taken-port":  # with a fixed port the old one has to stop first
        assert before["State"]["StartedAt"] == after["State"]["StartedAt"]
    print(f"\n{kind}, {order}: {seconds:.2f} s from the failure to the end of the command")
    write(project, "1", order)
    assert project.up().mutations == []
