"""Stacks from git whose images are built here, on real engines: a new image exactly when what it is built from has changed."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from scripts.machine.engine_api import EngineRefused
from tests.conftest import ProjectMaker
from tests.engine.test_daemon_git import followed
from tests.support.engines import Engine
from tests.support.gitrepos import Repo
from tests.support.projects import Project
from tests.support.waiting import eventually

SPEC = """
services:
  web:
    build: CONTEXT
    command: sleep 100000
    init: true
    stop_signal: SIGKILL
    healthcheck: {test: [CMD, grep, -q, good, /a.txt], interval: 200ms, retries: 2}
  beside: {image: "busybox:stable", command: sleep 100000, init: true, stop_signal: SIGKILL}
"""
DOCKERFILE = "FROM busybox:stable\nCOPY a.txt /a.txt\n"


def said(project: Project) -> str:
    """What the web service's container was built with; "" while there is none."""
    with suppress(EngineRefused):
        return project.engine.exec(f"{project.name}-web-1", "cat", "/a.txt")[1].strip()
    return ""


def test_a_commit_that_changes_what_an_image_is_built_from_replaces_it_and_a_bad_one_is_gone_back_from(
    project: Project,
) -> None:
    folder = f"stacks/{project.name}"
    repo = Repo(project.folder / "repo")
    repo.write(f"{folder}/app.yml", SPEC.replace("CONTEXT", "./image"))
    repo.write(f"{folder}/image/Dockerfile", DOCKERFILE)
    repo.write(f"{folder}/image/.dockerignore", "notes\n")
    repo.write(f"{folder}/image/a.txt", "good 1")
    repo.commit()
    with followed(project, repo) as infra:
        first = project.ids()
        repo.write(f"{folder}/image/a.txt", "good 2")
        repo.commit()
        eventually(lambda: said(project) == "good 2", within=90, what="the new image runs")
        infra.shows("converged")
        second = project.ids()
        changed = {name for name in first if first[name] != second[name]}
        assert {f"{project.name}-web-1"} == changed
        repo.write(f"{folder}/image/notes", "not sent to the builder")
        ignored = repo.commit()
        eventually(lambda: infra.status.get("version") == ignored, within=60, what="the commit is the stack's")
        assert second == project.ids()
        repo.write(f"{folder}/image/a.txt", "bad")
        repo.commit()
        infra.shows("failed", "commit-held")
        eventually(lambda: said(project) == "good 2", within=90, what="the image before is back")
        repo.write(f"{folder}/image/a.txt", "good 3")
        repo.commit()
        eventually(lambda: said(project) == "good 3", within=90, what="the next one runs")


class Served:
    """A repository behind plain http at an address that the engine reaches, as a static folder."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.repo = Repo(folder / "app")
        handler = partial(http.server.SimpleHTTPRequestHandler, directory=str(self.repo.folder))
        handler.log_message = lambda *_: None  # type: ignore[attr-defined]
        self._server = http.server.ThreadingHTTPServer((_address_for(engine), 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        host, port = self._server.server_address[:2]
        self.root = f"http://{host!s}:{port}/"

    def release(self, tag: str, text: str) -> str:
        """The URL of a context with a tag."""
        self.repo.write("Dockerfile", DOCKERFILE)
        self.repo.write("a.txt", text)
        self.repo.commit()
        self.repo.git("tag", tag)
        self.repo.git("update-server-info")
        return f"{self.root}.git#{tag}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _address_for(engine: Engine) -> str:
    """The address of this machine on the way to where the engine's ports are."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect((engine.host, 9))
        return str(probe.getsockname()[0])


@pytest.fixture
def served(tmp_path: Path, newer_engine: Engine) -> Iterator[Served]:
    made = Served(tmp_path / "elsewhere", newer_engine)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("builder", ["", "0"])
def test_a_context_from_elsewhere_is_built_where_the_policy_grants_it_and_refused_where_not(
    make_project: ProjectMaker, newer_engine: Engine, served: Served, builder: str
) -> None:
    project = make_project(on=newer_engine)
    project._words = lambda args, file: ("-p", project.name, *args)  # type: ignore[method-assign]
    repo = Repo(project.folder / "repo")
    policy = project.write("{}", "policy.yml")
    environment = {"STACK_POLICY": str(policy), **({"DOCKER_BUILDKIT": builder} if builder else {})}
    for tag in ("good-1", "good-2"):
        url = served.release(tag, tag)
        repo.write("stacks/web/app.yml", SPEC.replace("CONTEXT", f'"{url}"'))
        repo.commit()
        for grants in ("{}", "contexts: ['http://192.0.2.1/']"):
            policy.write_text(grants)
            refused = project.run("deploy", repo.url, env=environment).failed(2)
            assert "[build-context]" in refused.stderr
            assert "contexts:" in refused.stderr
            assert "app.yml:3" in refused.stderr
            assert [] == refused.mutations
        policy.write_text(f"contexts: ['{served.root}']")
        project.run("deploy", repo.url, env=environment).ok()

        assert tag == said(project)
        assert [] == project.run("deploy", repo.url, env=environment).ok().mutations


SEEING = """
services:
  web:
    build: {context: ., dockerfile: PATH}
    command: sleep 100000
    init: true
    stop_signal: SIGKILL
"""


@pytest.mark.parametrize("dockerfile", ["images/Own", "../Outside"])
@pytest.mark.parametrize("builder", ["", "0"])
def test_the_ignore_file_beside_a_dockerfile_counts_whichever_builder_builds(
    project: Project, builder: str, dockerfile: str
) -> None:
    for name, text in {
        f"in/{dockerfile}": "FROM busybox:stable\nCOPY . /all\n",
        f"in/{dockerfile}.dockerignore": "mine\nimages/*\napp.yml\n",
        "in/.dockerignore": "theirs\n",
        "in/mine": "",
        "in/theirs": "",
        "in/app.yml": SEEING.replace("PATH", dockerfile),
    }.items():
        project.write(text, name)
    project.run("up", "-d", file="in/app.yml", env={"DOCKER_BUILDKIT": builder} if builder else {}).ok()

    _, listed = project.engine.exec(f"{project.name}-web-1", "ls", "-A", "/all")
    assert {"theirs"} == {*listed.split()} - {".dockerignore", "images"}
