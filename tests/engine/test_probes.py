"""Probes: a container is asked from outside whether it is ready, although its image has no tool for that.

Where an engine of these tests is in another network namespace than the tests, the helper asks; else the container is
reached directly.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cancel import CancelToken
from orchestrator.engines.docker import probes
from orchestrator.engines.docker.access import Access
from orchestrator.errors import EngineError
from orchestrator.model.actions import AwaitContainer, WaitFor
from orchestrator.model.probe import HttpProbe, Probe
from orchestrator.model.values import SECOND, Attachment
from tests.support.adapter import World, shell
from tests.support.projects import Project

SERVES = shell("mkdir /www; echo hello > /www/index.html; exec httpd -f -p 8080 -h /www")
IMPATIENT = {"interval_ns": SECOND // 5, "start_period_ns": 3 * SECOND, "retries": 2}


def ready(world: World, probe: Probe) -> str:
    return world.do(AwaitContainer(container=world.ref(), condition=WaitFor.READY, probe=probe))


def test_what_answers_is_ready(world: World) -> None:
    world.run(SERVES, networks={world.network(): Attachment()})

    assert "" == ready(world, Probe(http=HttpProbe(port=8080)))
    assert "" == ready(world, Probe(tcp=8080))


def test_the_helper_goes_when_it_has_asked(world: World) -> None:
    world.run(SERVES, networks={world.network(): Attachment()})
    ready(world, Probe(tcp=8080))

    assert {f"{world.stack}-web-1"} == world.engine.census(world.stack).containers


@pytest.mark.parametrize(
    ("probe", "why"),
    [
        (Probe(tcp=81, **IMPATIENT), "port 81"),
        (Probe(http=HttpProbe(port=81), **IMPATIENT), "port 81"),
        (Probe(http=HttpProbe(port=8080, path="/none"), **IMPATIENT), "GET /none on port 8080 was answered with 404"),
        (Probe(http=HttpProbe(port=8080, statuses=((201, 204),)), **IMPATIENT), "was answered with 200"),
    ],
    ids=["tcp", "nobody", "wrong-path", "wrong-status"],
)
def test_what_does_not_answer_is_said(world: World, probe: Probe, why: str) -> None:
    world.run(SERVES, networks={world.network(): Attachment()})

    with pytest.raises(EngineError, match="does not answer its probe") as caught:
        ready(world, probe)
    assert why in caught.value.message


def test_what_ends_is_waited_for_no_longer(world: World) -> None:
    world.run(shell("exit 3"), networks={world.network(): Attachment()})

    with pytest.raises(EngineError, match="exited with code 3"):
        ready(world, Probe(tcp=80, start_period_ns=600 * SECOND))


def test_what_takes_its_time_within_the_start_period_gets_ready(world: World) -> None:
    world.run(shell("sleep 2; exec httpd -f -p 8080"), networks={world.network(): Attachment()})

    assert "" == ready(world, Probe(tcp=8080, interval_ns=SECOND // 5, start_period_ns=60 * SECOND, retries=1))


def test_a_container_on_this_machines_own_bridge_is_asked_directly(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the bridge is, is told by an interface of the network's own id; another engine's is never mistaken for it."""
    world.run(SERVES, networks={world.network(): Attachment()})
    access = Access(world.adapter.client)
    container = access.inspect(world.ref())
    cancel = CancelToken()

    monkeypatch.setattr(probes, "INTERFACES", str(tmp_path))  # none of them is this network's
    assert isinstance(probes.asker(access, container, cancel), probes.ThroughHelper)
    (tmp_path / f"br-{world.engine.network(f'{world.stack}_default')['Id'][:12]}").touch()
    assert isinstance(probes.asker(access, container, cancel), probes.Directly)


def test_one_look_says_how_a_container_is_and_makes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The engine's bridge is in another network namespace: it is pretended to be near, and what the port answers too."""
    world.run(SERVES, networks={world.network(): Attachment()})
    client = world.adapter.client
    container = world.ref().target
    patient, strict = Probe(tcp=8080), Probe(tcp=8080, start_period_ns=0)
    answers = {"healthy": "", "no answer": "port 8080 takes no connection"}
    before = len(client.get_json("/containers/json", {"all": True}))

    monkeypatch.setattr(probes, "INTERFACES", str(tmp_path))  # none of them is this network's
    assert "" == probes.health(client, container, patient)
    (tmp_path / f"br-{world.engine.network(f'{world.stack}_default')['Id'][:12]}").touch()
    monkeypatch.setattr(probes.Directly, "ask", lambda *_: answers["no answer"])
    assert "starting" == probes.health(client, container, patient)
    assert "unhealthy" == probes.health(client, container, strict)
    monkeypatch.setattr(probes.Directly, "ask", lambda *_: answers["healthy"])
    assert "healthy" == probes.health(client, container, strict)
    assert "" == probes.health(client, "0" * 64, patient)
    assert before == len(client.get_json("/containers/json", {"all": True}))


SPEC = """
    services:
      db:
        image: busybox:stable
        command: sh -c "sleep 1; exec httpd -f -p 5432"
        stop_signal: SIGKILL
        x-stack: {{probe: {{tcp: {{port: {port}}}, interval: 200ms, start_period: 3s, retries: 2}}}}
        environment: {{V: "{version}"}}
        deploy: {{update_config: {{monitor: 100ms}}}}
      web:
        image: busybox:stable
        command: sleep 1000
        stop_signal: SIGKILL
        depends_on: {{db: {{condition: service_healthy}}}}
"""


def test_a_service_with_a_probe_is_healthy_when_it_answers(project: Project) -> None:
    project.write(SPEC.format(port=5432, version="1"))
    project.up()

    assert sorted(project.running()) == ["db-1", "web-1"]
    assert project.up().mutations == []


def test_an_update_that_does_not_answer_its_probe_gives_way_to_what_did(project: Project) -> None:
    project.write(SPEC.format(port=5432, version="1"))
    project.up()
    before = project.ids()
    project.write(SPEC.format(port=5433, version="2"))
    result = project.run("up", "-d").failed(1)

    assert "does not answer its probe: port 5433" in result.stderr
    assert before == project.ids()
