"""A project that docker compose started is taken over as it is, and docker compose still knows it afterwards."""

from __future__ import annotations

from tests.conftest import ProjectMaker
from tests.engine.test_up import write_many
from tests.support.engines import Engine
from tests.support.projects import Project


def test_the_first_up_of_a_compose_project_recreates_nothing(each_engine: Engine, make_project: ProjectMaker) -> None:
    project = make_project(on=each_engine)
    write_many(project)
    text = (project.folder / "app.yml").read_text().replace("{environment: DB_PASSWORD}", "{file: ./password}")
    (project.folder / "app.yml").write_text(text)
    project.write("s3cr3t", "password")
    project.compose("up", "-d").ok()
    before = project.ids()
    plan = project.run("plan", "--detailed-exitcode")
    assert plan.code == 0, str(plan)
    taken = project.up()

    assert project.ids() == before
    assert taken.mutations == []
    assert project.name in project.compose("ls").ok().stdout
    assert f"{project.name}-web-1" in project.compose("ps").ok().stdout


def test_docker_compose_lists_what_stack_started(project: Project) -> None:
    write_many(project)
    project.up(env={"DB_PASSWORD": "x"})

    assert project.name in project.compose("ls").ok().stdout
    assert f"{project.name}-web-1" in project.compose("ps").ok().stdout
    assert project.compose("config", "--services").ok().stdout.split()


def test_a_foreign_container_that_holds_a_name_is_named_and_left_alone(project: Project) -> None:
    project.write(
        f'services: {{web: {{image: "busybox:stable", command: sleep 1000, container_name: "{project.name}-mine"}}}}'
    )
    foreign = project.engine.run(f"{project.name}-mine", Cmd=["sleep", "1000"], StopSignal="SIGKILL")
    try:
        result = project.run("up", "-d").failed(1)
        assert f"{project.name}-mine" in result.stderr
        assert project.engine.inspect(foreign)["State"]["Running"]
    finally:
        project.docker("rm", "-f", foreign).ok()
