"""`stack deploy` has every image before it touches the first container: on a real engine, with a real registry."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts.machine.registry import Registry
from tests.conftest import ProjectMaker
from tests.support.gitrepos import Repo
from tests.support.projects import Project

FIRST = """services:
  db: {image: "busybox:stable", command: sleep 100000, init: true, stop_signal: SIGKILL}
  web:
    build: {context: ./image}
    command: sleep 100000
    init: true
    stop_signal: SIGKILL
    depends_on: [db]
"""
CHANGED = FIRST.replace("100000", "100001")
GOOD, BAD = "FROM busybox:stable\nLABEL a=GOOD\n", "FROM busybox:stable\nRUN echo the disk of the builder; exit 7\n"


class Deployed:
    """A repository with the stacks ``one`` and ``two``, each deployed under a name of its own."""

    def __init__(self, make_project: ProjectMaker, folder: Path) -> None:
        self.repo = Repo(folder / "infra")
        self.projects = {name: make_project() for name in ("one", "two")}
        for name, project in self.projects.items():
            project._words = lambda args, file, name=project.name: ("-p", name, *args)  # type: ignore[method-assign, misc]
            self.repo.write(f"stacks/{name}/app.yml", FIRST)
            self.repo.write(f"stacks/{name}/image/Dockerfile", GOOD)
        self.repo.commit()

    def commit(self, spec: str, dockerfile: str = GOOD) -> str:
        self.repo.write("stacks/one/app.yml", spec)
        self.repo.write("stacks/one/image/Dockerfile", dockerfile)
        return self.repo.commit()

    def words(self, name: str = "one") -> tuple[str, ...]:
        return ("deploy", self.repo.url, "--path", f"stacks/{name}")


@pytest.fixture
def deployed(make_project: ProjectMaker, tmp_path: Path) -> Deployed:
    return Deployed(make_project, tmp_path)


def as_they_are(project: Project) -> list[tuple[str, str, str]]:
    """What is true of each container as long as nobody touches it."""
    return [(one["Id"], one["Name"], one["State"]["StartedAt"]) for one in project.containers()]


def failing(case: str, registry: Registry) -> tuple[str, str, str]:
    """A spec whose `web` cannot have its image, with its Dockerfile, and the line of app.yml that asks for it."""
    if case == "build":
        return CHANGED, BAD, "app.yml:4"
    missing = f'image: "{registry.address}/nobody/pushed:this"'
    return CHANGED.replace("build: {context: ./image}", missing), GOOD, "app.yml:4"


@pytest.mark.parametrize("before", ["nothing", "an earlier commit"])
@pytest.mark.parametrize("case", ["build", "pull"])
def test_an_image_that_cannot_be_had_touches_no_container(
    deployed: Deployed, registry: Registry, case: str, before: str
) -> None:
    project = deployed.projects["one"]
    if before != "nothing":
        project.run(*deployed.words()).ok()
    found = as_they_are(project)
    spec, dockerfile, place = failing(case, registry)
    commit = deployed.commit(spec, dockerfile)

    failed = project.run(*deployed.words()).failed(1)

    assert found == as_they_are(project)
    assert not [call for call in failed.mutations if "/build" not in call and "/images/" not in call]
    said = failed.stderr
    assert "web" in said
    assert commit[:12] in said
    assert f"stacks/one/{place}" in said
    assert "no container was touched" in said


def test_a_stack_whose_image_cannot_be_had_does_not_stand_in_the_way_of_another(deployed: Deployed) -> None:
    deployed.commit(CHANGED, BAD)
    deployed.projects["one"].run(*deployed.words("one")).failed(1)
    deployed.projects["two"].run(*deployed.words("two")).ok()

    assert [] == deployed.projects["one"].running()
    assert ["db-1", "web-1"] == deployed.projects["two"].running()
