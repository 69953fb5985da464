"""`stack daemon run` on a real engine, with its stacks in a repository: what a commit may touch, and when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from orchestrator.records import dataclass
from tests.support.commands import start_stack
from tests.support.gitrepos import Repo
from tests.support.projects import Project
from tests.support.waiting import eventually

SERVICE = "{{image: {image}, command: {command}, init: true, stop_signal: SIGKILL}}"
SLEEPS = SERVICE.format(image="busybox:stable", command="sleep 100000")


def spec(**services: str) -> str:
    return "services:\n" + "".join(f"  {name}: {text}\n" for name, text in services.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A daemon that follows a repository with one stack, called like the project."""

    project: Project
    repo: Repo
    socket: str

    def push(self, text: str) -> str:
        self.repo.write(f"stacks/{self.project.name}/app.yml", text)
        return self.repo.commit()

    @property
    def status(self) -> dict[str, Any]:
        words = ("daemon", "status", self.project.name, "--socket", self.socket, "--format", "json")
        return dict(json.loads(self.project.run(*words).stdout or "{}"))

    def shows(self, phase: str, reference: str = "") -> dict[str, Any]:
        def shown() -> dict[str, Any] | None:
            found = self.status
            return found if (found.get("phase"), found.get("reference")) == (phase, reference) else None

        return eventually(shown, within=60, what=f"{phase} {reference}")


@contextmanager
def followed(project: Project, repo: Repo) -> Iterator[Followed]:
    project.write("sources: {infra: {url: ./repo, interval: 1s, resync: 5s}}\n", "host.yml")
    with TemporaryDirectory() as folder:
        socket = str(Path(folder) / "s")
        words = ["daemon", "run", "--config", "host.yml", "--socket", socket]
        with start_stack(words, cwd=project.folder, env=project.environment()) as running:
            found = Followed(project=project, repo=repo, socket=socket)
            eventually(lambda: Path(socket).exists(), what="the socket is there")
            found.shows("converged")
            yield found
            assert "defect" not in running.stderr


@pytest.fixture
def infra(project: Project) -> Iterator[Followed]:
    repo = Repo(project.folder / "repo")
    repo.write(f"stacks/{project.name}/app.yml", spec(db=SLEEPS, web=SLEEPS))
    repo.commit()
    with followed(project, repo) as found:
        yield found


def test_while_one_image_of_a_commit_cannot_be_pulled_nothing_of_it_is_begun(infra: Followed) -> None:
    """The last service's image is missing; the first one could have been replaced, and its new neighbour created."""
    before = infra.project.ids()
    louder = SLEEPS.replace("init: true", "init: true, environment: {LEVEL: loud}")
    missing = SERVICE.format(image="127.0.0.1:9/none:1", command="sleep 100000")
    bad = infra.push(spec(db=louder, web=louder, more=SLEEPS, zebra=missing))
    eventually(lambda: infra.status.get("phase") == "failed", within=60, what="it is shown")
    shown = infra.status

    assert f"commit {bad[:12]} is not taken: " in shown["message"]
    assert before == infra.project.ids()
    infra.project.docker("rm", "-f", f"{infra.project.name}-web-1").ok()
    eventually(lambda: infra.project.running() == ["db-1", "web-1"], within=60, what="drift is mended meanwhile")
    infra.push(spec(db=louder, web=louder, more=SLEEPS))
    infra.shows("converged")
    assert ["db-1", "more-1", "web-1"] == sorted(infra.project.running())


def test_a_commit_that_does_not_come_up_is_gone_back_from_and_held(infra: Followed) -> None:
    good = infra.repo.git("rev-parse", "HEAD")
    louder = SLEEPS.replace("init: true", "init: true, environment: {LEVEL: loud}")
    sick = SLEEPS.replace("init: true", "init: true, healthcheck: {test: [CMD, 'false'], interval: 1s, retries: 1}")
    bad = infra.push(spec(db=louder, web=sick))
    shown = infra.shows("failed", "commit-held")

    assert f"commit {bad[:12]} failed (" in shown["message"]
    assert f"; {good[:12]} serves; a newer commit is waited for" in shown["message"]
    eventually(
        lambda: not any("LEVEL" in text for one in infra.project.containers() for text in one["Config"]["Env"] or ()),
        within=60,
        what="db is back, too",
    )
    assert 1 == infra.project.run("daemon", "status", "--socket", infra.socket).code
    infra.push(spec(db=louder, web=SLEEPS))
    infra.shows("converged")
