"""The dependency graph as it lives: states from the engine, pictures for people, and why a service waits."""

from __future__ import annotations

import json

import pytest

from scripts.machine import packages
from tests.support.projects import Project
from tests.support.waiting import eventually

SPEC = """
    services:
      db:
        image: busybox:stable
        command: sleep 1000
        stop_signal: SIGKILL
        healthcheck: {test: "echo still loading; test -e /ready", interval: 200ms, retries: 10000}
      job: {image: "busybox:stable", command: "true"}
      api:
        image: busybox:stable
        command: sleep 1000
        stop_signal: SIGKILL
        depends_on:
          db: {condition: service_healthy}
          job: {condition: service_completed_successfully}
      web: {image: "busybox:stable", command: sleep 1000, stop_signal: SIGKILL, depends_on: [api], scale: 2}
"""


@pytest.fixture
def waiting(project: Project) -> Project:
    """Only db and job run; db is not healthy yet."""
    project.write(SPEC)
    project.up("db", "job")
    eventually(lambda: project.container("job")["State"]["Status"] == "exited", within=20, what="the job to end")
    return project


def test_states_stand_in_every_picture(waiting: Project) -> None:
    tree = waiting.run("graph").ok().stdout
    assert "web  absent" in tree.splitlines()
    assert "db  service_healthy  1/1 starting" in tree
    said = json.loads(waiting.run("graph", "--format", "json").ok().stdout)
    assert {"state": "1/1 starting", "mood": "waiting"} == said["states"]["db"]
    assert {"state": "absent", "mood": "absent"} == said["states"]["web"]
    waiting.run("graph", "-o", "g.svg").ok()
    assert "1/1 starting" in (waiting.folder / "g.svg").read_text()
    assert "1/1" not in waiting.run("graph", "--state=false").ok().stdout


def test_a_service_that_waits_is_explained_down_to_the_cause(waiting: Project) -> None:
    eventually(lambda: waiting.container("db")["State"]["Health"]["Log"], within=60, what="the first health check")
    said = waiting.run("graph", "--explain", "web").ok().stdout
    assert "needs api to be started: no, it is absent" in said
    assert "web waits for api, which waits for db" in said
    assert "last health check: exit code 1: still loading" in said


def test_once_all_is_well_nobody_waits(waiting: Project) -> None:
    waiting.engine.exec(f"{waiting.name}-db-1", "touch", "/ready")
    waiting.up()
    said = waiting.run("graph", "--explain", "api").ok().stdout.splitlines()
    assert "api: 1/1 running" == said[0]
    assert "  needs db to be healthy: yes, it is 1/1 healthy" in said
    assert "  needs job to complete with success: yes, it is 1/1 completed" in said
    assert "api waits for nobody" == said[-1]
    assert "2/2 running" in waiting.run("graph").ok().stdout


def test_a_png_is_drawn_by_graphviz(project: Project) -> None:
    packages.have({"dot": "graphviz"})
    project.write(SPEC)
    project.run("graph", "-o", "g.png").ok()
    assert b"\x89PNG" == (project.folder / "g.png").read_bytes()[:4]
    missing = project.run("graph", "--format", "png", env={"PATH": str(project.folder)}).failed(2)
    assert "--format svg" in missing.stderr


def test_without_an_engine_the_picture_is_drawn_without_states(project: Project) -> None:
    project.write(SPEC)
    said = project.run("graph", "-H", "unix:///nowhere.sock").ok()
    assert "drawn without states" in said.stderr
    assert "db  service_healthy" in said.stdout
