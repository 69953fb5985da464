"""`stack watch` and `up --watch`: what is written here is in the containers, and a changed file changes the stack."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from scripts.machine.engine_api import EngineRefused
from tests.conftest import ProjectMaker
from tests.support.commands import Running
from tests.support.engines import Engine, Json
from tests.support.projects import Project
from tests.support.waiting import eventually

SYNCED = """
    services:
      web:
        image: busybox:stable
        command: sleep infinity
        stop_signal: SIGKILL
        user: "1234:1234"
        scale: 2
        develop:
          watch:
            - {path: src, action: sync, target: /app, ignore: [secret/]}
    """


@pytest.fixture
def watched(make_project: ProjectMaker, each_engine: Engine) -> Project:
    project = make_project(on=each_engine)
    (project.folder / "src").mkdir()
    project.write(SYNCED)
    return project


def read(project: Project, path: str, number: int = 1, service: str = "web") -> str:
    try:
        code, out = project.engine.exec(f"{project.name}-{service}-{number}", "cat", path)
    except EngineRefused:
        return ""  # it is just being replaced
    return out.strip() if code == 0 else ""


def has(project: Project, path: str, content: str) -> None:
    eventually(lambda: content == read(project, path), what=f"{content!r} in {path}")


def lacks(project: Project, path: str) -> None:
    name = f"{project.name}-web-1"
    eventually(lambda: project.engine.exec(name, "test", "-e", path)[0] == 1, what=f"no {path}")


def interrupted(running: Running, code: int = 130) -> None:
    running.signal(signal.SIGINT)
    assert code == running.finish(30).code


def test_files_folders_links_and_removals_are_in_every_replica(watched: Project) -> None:
    source = watched.folder / "src"
    with watched.start("watch") as running:
        running.says("Watch enabled")
        (source / "a").write_text("one")
        eventually(lambda: ["one"] * 2 == [read(watched, "/app/a", number) for number in (1, 2)])
        (source / ".draft").write_text("two")
        (source / ".draft").rename(source / "a")
        has(watched, "/app/a", "two")
        (source / "deep/down").mkdir(parents=True)
        (source / "deep/down/file").write_text("three")
        has(watched, "/app/deep/down/file", "three")
        (source / "link").symlink_to("deep/down")
        has(watched, "/app/link/file", "three")
        (source / "deep").rename(source / "moved")
        has(watched, "/app/moved/down/file", "three")
        lacks(watched, "/app/deep")
        (source / "a").unlink()
        lacks(watched, "/app/a")
        (source / "secret").mkdir()
        (source / "secret/key").write_text("no")
        (source / "last").write_text("yes")
        has(watched, "/app/last", "yes")
        lacks(watched, "/app/secret")
        assert (
            "1234 1234" == watched.engine.exec(f"{watched.name}-web-1", "stat", "-c", "%u %g", "/app/last")[1].strip()
        )
        interrupted(running)
    assert 'Syncing service "web" after' in running.stdout
    assert ["web-1", "web-2"] == watched.running()


def test_two_watches_of_one_stack_do_not_go_together(watched: Project) -> None:
    with watched.start("watch") as running:
        running.says("Watch enabled")
        second = watched.run("watch", "--no-up").failed(75)
        assert "is being watched already" in second.stderr


@pytest.fixture
def project(make_project: ProjectMaker, newer_engine: Engine) -> Project:
    return make_project(on=newer_engine)


def test_nothing_to_watch_is_an_error(project: Project) -> None:
    project.write("services: {web: {image: 'busybox:stable'}}")
    assert "none of the selected services is configured for watch" in project.run("watch").failed(2).stderr
    assert project.census.empty


def test_a_rebuild_replaces_the_container_and_leaves_no_image_without_a_name(project: Project) -> None:
    project.write(
        """
        services:
          web:
            build: {context: ., dockerfile_inline: "FROM busybox:stable\\nCOPY said /said\\n"}
            command: sleep infinity
            stop_signal: SIGKILL
            develop: {watch: [{path: said, action: rebuild}]}
        """
    )
    (project.folder / "said").write_text("one")
    with project.start("watch", "--quiet") as running:
        running.says("Watch enabled")
        before = project.container("web")
        (project.folder / "said").write_text("two")
        running.says('service(s) ["web"] successfully built')
        has(project, "/said", "two")
        assert before["Id"] != project.container("web")["Id"]
        eventually(lambda: not nameless(project), what="no image without a name is left")
        (project.folder / "said").unlink()
        running.says("failed")
        (project.folder / "said").write_text("three")
        has(project, "/said", "three")
        interrupted(running)


def nameless(project: Project) -> list[Json]:
    """Images of the project that nothing names: what a rollback may go back to has a name."""
    filters = {"dangling": ["true"], "label": [f"com.docker.compose.project={project.name}"]}
    found: list[Json] = project.engine.api.get("/images/json", filters=filters)
    return found


def test_restarts_and_commands_follow_the_files(project: Project) -> None:
    project.write(
        """
        services:
          web:
            image: busybox:stable
            command: sleep infinity
            stop_signal: SIGKILL
            develop:
              watch:
                - {path: conf, action: sync+restart, target: /conf}
                - {path: again, action: restart}
                - path: code
                  action: sync+exec
                  target: /code
                  exec: {command: "sh -c 'echo ran with $$WHAT in $$PWD'", environment: {WHAT: it}, working_dir: /code}
        """
    )
    for name in ("conf", "code", "again"):
        (project.folder / name).mkdir()
    (project.folder / "code/before").touch()

    def started() -> str:
        return str(project.container("web")["State"]["StartedAt"])

    with project.start("watch") as running:
        running.says("Watch enabled")
        first = started()
        (project.folder / "conf/a").write_text("1")
        running.says('service(s) ["web"] restarted')
        has(project, "/conf/a", "1")
        second = started()
        assert first < second
        (project.folder / "again/x").touch()
        eventually(lambda: second < started(), what="restarted once more")
        (project.folder / "code/main").write_text("2")
        running.says("ran with it in /code")
        has(project, "/code/main", "2")
        interrupted(running)


def test_a_read_only_container_gets_files_in_its_volumes(project: Project) -> None:
    (project.folder / "src").mkdir()
    (project.folder / "own").mkdir()
    project.write(
        """
        services:
          web:
            image: busybox:stable
            command: sleep infinity
            stop_signal: SIGKILL
            read_only: true
            volumes: ["data:/app"]
            develop:
              watch:
                - {path: src, action: sync, target: /app/src}
                - {path: own, action: sync, target: /etc/own}
        volumes: {data: {}}
        """
    )
    with project.start("watch") as running:
        running.says("Watch enabled")
        (project.folder / "src/a").write_text("one")
        has(project, "/app/src/a", "one")
        (project.folder / "own/b").write_text("two")
        running.says("the container's file system is read-only")
        interrupted(running)


def test_initial_sync_brings_what_is_newer_than_the_image(project: Project) -> None:
    source = project.folder / "src"
    source.mkdir()
    (source / "here").write_text("already")
    project.write(SYNCED.replace("ignore: [secret/]", "initial_sync: true"))
    with project.start("watch") as running:
        has(project, "/app/here", "already")
        interrupted(running)


def test_up_with_watch_brings_changes_of_the_spec_about(project: Project) -> None:
    text = """
        services:
          web:
            image: busybox:stable
            command: sh -c "echo level $$LEVEL; exec sleep infinity"
            stop_signal: SIGKILL
            env_file: web.env
            configs: [settings]
        configs: {settings: {file: settings.conf}}
        """
    project.write("LEVEL=one\n", "web.env")
    project.write("a\n", "settings.conf")
    project.write(text)
    with project.start("up", "--watch") as running:
        running.says("Watch enabled")
        running.says("level one")
        _replace(project.folder / "web.env", "LEVEL=two\n")
        running.says("level two")
        has(project, "/settings", "a")
        _replace(project.folder / "settings.conf", "b\n")
        has(project, "/settings", "b")
        before = project.ids()
        project.write("services: {web: {imag: nothing}}\n")
        running.says("nothing was changed")
        assert before == project.ids()
        project.write(
            text.replace(
                "        configs: {settings",
                "          other: {image: 'busybox:stable', command: echo hello from the other}\n        configs: {settings",
            )
        )
        running.says("hello from the other")
        assert {"web-1"} == set(project.running())
        interrupted(running)
    assert [] == project.running()


def test_up_with_watch_syncs_too(project: Project) -> None:
    (project.folder / "src").mkdir()
    project.write(SYNCED)
    with project.start("up", "-w") as running:
        running.says("Watch enabled")
        (project.folder / "src/a").write_text("one")
        has(project, "/app/a", "one")
        running.says('\N{CIRCLED BULLET} Syncing service "web" after 1 changes were detected')
        interrupted(running)


def _replace(path: Path, text: str) -> None:
    """As editors save: beside it, then over it."""
    draft = path.with_name(path.name + ".draft")
    draft.write_text(text)
    draft.rename(path)
