"""SIGKILL between any two engine calls of up, update and down: the same command again ends as if nothing had happened.

A ten-service stack with networks and volumes. For a call k the command is killed before the engine hears of it, or after the
engine has done it and before the command learns so. Afterwards the same command must converge, leave nothing over and
nothing to do, and every volume must still hold its canary. A sample of the calls runs every time, now on one side and now on the
other; all of them on both under ``long``.
"""

from __future__ import annotations

from itertools import cycle

import pytest

from tests.conftest import ProjectMaker
from tests.support.faults import Fault, answer, kill_after, kill_before, mute_events, reset
from tests.support.projects import Project

SERVICES = 10
SAMPLE = 4  # calls per phase in every run, half of them on either side; the rest are `long`
WRONG = {(500, 2), (409, 9), (404, 17)}  # in every run: each answer, and each of the calls, once
CALLS = {"up": 34, "update": 62, "down": 24}  # upper bounds; a call beyond the last one is not killed and passes


def spec(version: int) -> str:
    services = "".join(
        f"  s{number}:\n"
        "    image: busybox:stable\n"
        "    command: sleep 100000\n"
        "    stop_signal: SIGKILL\n"
        f"    environment: {{VERSION: '{version}'}}\n"
        + ("    healthcheck: {test: [CMD, 'true'], interval: 300ms}\n" if number < 3 else "")
        + "    deploy: {update_config: {monitor: 300ms}}\n"
        f"    networks: [{'front' if number % 2 else 'back'}]\n"
        + (f"    volumes: ['data{number}:/data']\n" if number < 3 else "")
        + (f"    depends_on: [s{number - 1}]\n" if number in (1, 2, 5) else "")
        for number in range(SERVICES)
    )
    return f"services:\n{services}networks: {{front: {{}}, back: {{}}}}\nvolumes: {{data0: {{}}, data1: {{}}, data2: {{}}}}\n"


def points(phase: str) -> list[object]:
    """Every call of the phase on both sides; all but an even sample are marked ``long``."""
    found = []
    last = CALLS[phase]
    sides = {"before": kill_before, "after": kill_after}
    chosen = {
        (1 + round(number * (last * 0.8) / (SAMPLE - 1)), side)
        for number, side in zip(range(SAMPLE), cycle(sides), strict=False)
    }
    for at in range(1, last + 1):
        for side, make in sides.items():
            marks = () if (at, side) in chosen else (pytest.mark.long,)
            found.append(pytest.param(make(at), id=f"{side}-{at}", marks=marks))
    return found


def canaries(project: Project) -> list[str]:
    return [project.engine.exec(f"{project.name}-s{number}-1", "cat", "/data/canary")[1] for number in range(3)]


def plant(project: Project) -> None:
    for number in range(3):
        project.engine.exec(f"{project.name}-s{number}-1", "sh", "-c", f"echo canary{number} > /data/canary")


def converged(project: Project, version: int) -> None:
    containers = project.containers()
    assert len(containers) == SERVICES
    assert sorted(project.running()) == sorted(f"s{number}-1" for number in range(SERVICES))
    assert all(f"VERSION={version}" in container["Config"]["Env"] for container in containers)
    assert len(project.census.networks) == 2
    assert len(project.census.volumes) == 3
    assert project.up().mutations == []


@pytest.mark.parametrize("fault", points("up"))
def test_up_killed_at_a_call_is_completed_by_the_next_up(project: Project, fault: Fault) -> None:
    project.write(spec(1))
    project.run("up", "-d", fault=fault)
    project.up()

    converged(project, 1)


@pytest.mark.parametrize("fault", points("update"))
def test_an_update_killed_at_a_call_is_completed_by_the_next_up(project: Project, fault: Fault) -> None:
    project.write(spec(1))
    project.up()
    plant(project)
    project.write(spec(2))
    project.run("up", "-d", fault=fault)
    project.up()

    converged(project, 2)
    assert canaries(project) == ["canary0\n", "canary1\n", "canary2\n"]


@pytest.mark.parametrize("fault", points("down"))
def test_down_killed_at_a_call_is_completed_by_the_next_down(project: Project, fault: Fault) -> None:
    project.write(spec(1))
    project.up()
    plant(project)
    project.run("down", fault=fault)
    project.down()

    assert project.census.containers == frozenset()
    assert project.census.networks == frozenset()
    assert len(project.census.volumes) == 3
    project.up()
    assert canaries(project) == ["canary0\n", "canary1\n", "canary2\n"]


@pytest.mark.parametrize(
    ("status", "call"),
    [
        pytest.param(status, call, marks=() if (status, call) in WRONG else (pytest.mark.long,))
        for status in (500, 409, 404)
        for call in (2, 9, 17)
    ],
)
def test_a_wrong_answer_is_told_in_words_and_the_next_up_converges(
    make_project: ProjectMaker, status: int, call: int
) -> None:
    project = make_project()
    project.write(spec(1))
    result = project.run("up", "-d", fault=answer(status, at=call))

    assert "Traceback" not in result.stderr
    project.up()
    converged(project, 1)


def test_a_lost_reply_to_a_create_leaves_no_twin(project: Project) -> None:
    project.write(spec(1))
    project.run("up", "-d", fault=reset(match="POST /containers/create", when="after"))
    project.up()

    converged(project, 1)


def test_without_any_event_everything_still_ends(project: Project) -> None:
    project.write(spec(1))
    project.run("up", "-d", "--wait", fault=mute_events()).ok()

    converged(project, 1)
