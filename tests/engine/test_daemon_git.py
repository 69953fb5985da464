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
from tests.support.faults import stall
from tests.support.gitrepos import Repo
from tests.support.projects import Project
from tests.support.proxy import Proxy
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
def followed(project: Project, repo: Repo, more: str = "", engine: str = "") -> Iterator[Followed]:
    """``engine`` is another address under which the project's is reached."""
    project.write(f"sources: {{infra: {{url: ./repo, interval: 1s, resync: 5s{more}}}}}\n", "host.yml")
    with TemporaryDirectory() as folder:
        socket = str(Path(folder) / "s")
        words = ["daemon", "run", "--config", "host.yml", "--socket", socket]
        environment = project.environment({"DOCKER_HOST": engine or project.engine.address})
        with start_stack(words, cwd=project.folder, env=environment) as running:
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


WITH_DATA = """
services:
  db:
    image: busybox:stable
    command: sh -c "echo precious > /data/file; exec sleep 100000"
    init: true
    stop_signal: SIGKILL
    volumes: [data:/data]
volumes: {data: {}}
"""


def precious(project: Project) -> bool:
    """Whether the volume is there, with what was written into it."""
    mount = f"{project.name}_data:/data"
    said = project.docker("run", "--rm", "-v", mount, "busybox:stable", "cat", "/data/file")
    return project.engine.volumes(project.name) != [] and said.stdout == "precious\n"


@pytest.fixture
def stored(project: Project) -> Repo:
    """A repository with a stack that has data, and another one."""
    repo = Repo(project.folder / "repo")
    repo.write(f"stacks/{project.name}/app.yml", WITH_DATA)
    repo.write("stacks/zz-other/app.yml", "services: {one: {image: 'busybox:stable', scale: 0}}")
    repo.commit()
    return repo


def test_a_commit_that_no_longer_has_a_volume_leaves_its_data(project: Project, stored: Repo) -> None:
    with followed(project, stored, ", prune: true, prune_volumes: true") as found:
        found.push(spec(db=SLEEPS))
        eventually(lambda: project.container("db").get("Mounts") == [], within=60, what="the commit is brought about")
        found.shows("converged")
        assert precious(project)
        found.push(WITH_DATA.replace("echo precious > /data/file;", ""))
        eventually(lambda: project.container("db").get("Mounts"), within=60, what="it is mounted again")
    assert precious(project)


@pytest.mark.parametrize("volumes", [False, True])
def test_what_was_removed_while_nobody_looked_goes_and_its_volumes_with_their_own_word_alone(
    project: Project, stored: Repo, volumes: bool
) -> None:
    with followed(project, stored):
        pass
    stored.git("rm", "-rq", f"stacks/{project.name}")
    stored.commit()
    words = ["daemon", "run", "--config", "host.yml", "--socket", "s"]
    project.write(
        f"sources: {{infra: {{url: ./repo, interval: 1s, prune: true, prune_volumes: {str(volumes).lower()}}}}}\n",
        "host.yml",
    )
    with start_stack(words, cwd=project.folder, env=project.environment()) as running:
        eventually(lambda: "pruned" in running.stderr, within=60, what="it is told")
        assert ([], []) == (project.containers(), project.engine.networks(project.name))
    assert [] == project.engine.volumes(project.name) if volumes else precious(project)


def test_the_way_back_takes_networks_along_that_only_the_bad_commit_had(infra: Followed) -> None:
    before = {network["Name"] for network in infra.project.engine.networks(infra.project.name)}
    bad = SERVICE.format(image="busybox:stable", command="'false'")
    more = "networks: {more: {}, back: {}}\n"
    web = SLEEPS.replace("init: true", "init: true, networks: [default, back]")
    infra.push(spec(db=SLEEPS, web=web, more=bad.replace("init: true", "init: true, networks: [more]")) + more)
    infra.shows("failed", "commit-held")
    eventually(lambda: sorted(infra.project.running()) == ["db-1", "web-1"], within=60, what="the services are back")

    def there() -> set[str]:
        return {network["Name"] for network in infra.project.engine.networks(infra.project.name)}

    eventually(lambda: there() == before, within=60, what="the networks are as before")


def test_while_an_image_of_a_commit_is_slow_to_come_what_serves_is_mended_and_a_newer_commit_taken(
    project: Project, stored: Repo
) -> None:
    pulls = stall(match="POST /images/create", times=1_000)
    with Proxy(project.engine.address, fault=pulls) as proxy, followed(project, stored, engine=proxy.address) as found:
        found.push(spec(db=SERVICE.format(image="registry.invalid/slow:1", command="sleep 100000")))
        found.shows("waiting", "fetches-images")
        eventually(lambda: any("/images/create" in str(one) for one in proxy.requests), what="it is asked for")
        before = project.ids()
        project.docker("rm", "-f", f"{project.name}-db-1").ok()
        eventually(lambda: project.running() == ["db-1"], within=60, what="what serves is mended")
        assert before != project.ids()
        found.push(spec(db=SLEEPS, web=SLEEPS))
        eventually(lambda: sorted(project.running()) == ["db-1", "web-1"], within=60, what="the newer commit")
        found.shows("converged")
