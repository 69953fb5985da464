"""What people do to containers by hand, on a real engine: attach, copy, commit, export, wait, events, stats."""

from __future__ import annotations

import io
import json
import signal
import tarfile
from pathlib import Path

import pytest

from tests.conftest import ProjectMaker
from tests.support.engines import Engine
from tests.support.projects import Project
from tests.support.waiting import eventually

SLEEPING = """
    services:
      web: {image: "busybox:stable", command: sleep 1000, stop_grace_period: 0s}
      db: {image: "busybox:stable", command: sleep 1000, stop_grace_period: 0s}
    """
ECHO = """
    services:
      web:
        image: busybox:stable
        command: ["sh", "-c", "while read line; do echo \\"<$$line>\\"; test $$line = last && exit 6; done"]
        stdin_open: true
        stop_grace_period: 0s
      clock:
        image: busybox:stable
        command: ["sh", "-c", "trap 'echo got it' USR1; while true; do echo tick; sleep 0.1; done"]
        stop_grace_period: 0s
      shell: {image: "busybox:stable", command: sh, tty: true, stdin_open: true, stop_grace_period: 0s}
    """


@pytest.fixture
def sleeping(project: Project) -> Project:
    project.write(SLEEPING)
    project.up()
    return project


def content(project: Project, path: str, *options: str) -> str:
    return project.run("exec", "-T", *options, "web", "cat", path).ok().stdout


# --- copying ---------------------------------------------------------------------------------------------------------


def test_a_file_goes_to_every_replica_and_comes_from_the_first(make_project: ProjectMaker, each_engine: Engine) -> None:
    project = make_project(on=each_engine)
    project.write(SLEEPING)
    project.up("--scale", "web=2")
    project.write("hello\n", "file.txt")
    project.run("cp", "file.txt", "web:/tmp/").ok()
    project.run("cp", "--index", "2", "./file.txt", "web:/tmp/second.txt").ok()
    assert "hello\n" == content(project, "/tmp/file.txt", "--index", "1")
    assert "hello\n" == content(project, "/tmp/file.txt", "--index", "2")
    project.run("exec", "-T", "--index", "1", "web", "test", "-e", "/tmp/second.txt").failed()
    project.run("cp", "web:/tmp/file.txt", "back.txt").ok()
    assert "hello\n" == (project.folder / "back.txt").read_text()


def test_folders_go_by_the_rules_of_cp(sleeping: Project) -> None:
    sleeping.write("one\n", "folder/a/one.txt")
    sleeping.run("cp", "folder", "web:/tmp").ok()  # into a folder that is there
    sleeping.run("cp", "folder", "web:/tmp/other").ok()  # under another name
    sleeping.run("cp", "folder/.", "web:/tmp/other").ok()  # its contents
    sleeping.run("cp", "folder/a/", "web:/tmp/third").ok()
    listed = sleeping.run("exec", "-T", "web", "find", "/tmp", "-type", "f").ok().stdout
    assert sorted(listed.split()) == [
        "/tmp/folder/a/one.txt",
        "/tmp/other/a/one.txt",
        "/tmp/third/one.txt",
    ]
    sleeping.run("cp", "web:/tmp/folder", "back").ok()
    sleeping.run("cp", "web:/tmp/folder", "back").ok()
    sleeping.run("cp", "web:/tmp/folder/.", "contents").ok()
    found = sorted(str(path.relative_to(sleeping.folder)) for path in sleeping.folder.rglob("one.txt"))
    assert ["back/a/one.txt", "back/folder/a/one.txt", "contents/a/one.txt", "folder/a/one.txt"] == found


def test_links_are_copied_as_links_unless_followed(sleeping: Project) -> None:
    script = "echo real > /tmp/real; ln -s real /tmp/link; ln -s /etc /tmp/out"
    sleeping.run("exec", "-T", "web", "sh", "-c", script).ok()
    sleeping.run("cp", "web:/tmp/link", "link").ok()
    sleeping.run("cp", "-L", "web:/tmp/link", "followed").ok()
    assert (sleeping.folder / "link").is_symlink()
    assert "real\n" == (sleeping.folder / "followed").read_text()
    assert not (sleeping.folder / "followed").is_symlink()
    warned = sleeping.run("cp", "web:/tmp/out", "out").ok()
    assert "leads out" in warned.stderr
    assert not (sleeping.folder / "out").exists()


def test_a_dash_is_a_tar_on_either_side(sleeping: Project) -> None:
    sleeping.run("exec", "-T", "web", "sh", "-c", "mkdir /data; echo 1 > /data/one").ok()
    packed = sleeping.run("cp", "web:/data", "-").ok().stdout
    with tarfile.open(fileobj=io.BytesIO(packed.encode())) as archive:
        assert ["data", "data/one"] == archive.getnames()
    sleeping.run("cp", "-", "db:/tmp", stdin=packed).ok()
    assert "1\n" == sleeping.run("exec", "-T", "db", "cat", "/tmp/data/one").ok().stdout


def test_owners_and_modes_come_along_with_the_word(sleeping: Project) -> None:
    path = sleeping.write("#!/bin/sh\n", "script")
    path.chmod(0o750)
    sleeping.run("cp", "-a", "script", "web:/script").ok()
    assert "750\n" == sleeping.run("exec", "-T", "web", "stat", "-c", "%a", "/script").ok().stdout


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("a", "b"), "unknown copy direction"),
        (("web:/a", "db:/b"), "copying between services is not supported"),
        (("web:/nope", "."), "no file or folder /nope"),
        (("nope", "web:/tmp"), "no file or folder nope"),
        (("web:/etc/hostname", "./none/"), "there is no folder"),
        (("--index", "9", "web:/etc", "."), 'no container found for service "web" #9'),
        (("wep:/etc", "."), "no such service: wep"),
    ],
)
def test_what_cannot_be_copied_is_said(sleeping: Project, args: tuple[str, ...], message: str) -> None:
    refused = sleeping.run("cp", *args)
    assert refused.code
    assert message in refused.stderr


# --- attach ----------------------------------------------------------------------------------------------------------


def test_attached_pipes_are_the_process_own(project: Project) -> None:
    project.write(ECHO)
    project.up("web")
    ended = project.run("attach", "web", stdin="one\nlast\n")
    assert (6, "<one>\n<last>\n") == (ended.code, ended.stdout)
    assert "is not running" in project.run("attach", "web").failed().stderr


def test_signals_are_passed_on_while_attached(project: Project) -> None:
    project.write(ECHO)
    project.up("clock")
    with project.start("attach", "--no-stdin", "clock") as attached:
        attached.says("tick")
        attached.process.send_signal(signal.SIGUSR1)
        attached.says("got it")
        project.run("kill", "clock").ok()
        assert 137 == attached.finish().code


def test_an_attached_terminal_is_left_by_its_keys(project: Project) -> None:
    project.write(ECHO)
    project.up("shell")
    with project.terminal("attach", "--detach-keys", "ctrl-x", "shell") as terminal:
        terminal.type("echo $((40 + 2))\r")
        terminal.says("42")
        terminal.type("\x18")
        assert 0 == terminal.finish()
        assert terminal.echoes()
    assert ["shell-1"] == project.running()


# --- wait, events, stats ---------------------------------------------------------------------------------------------


def test_waiting_ends_with_the_code_and_can_take_the_stack_along(project: Project) -> None:
    project.write(ECHO)
    project.up("clock", "shell")
    clock = project.container("clock")["Id"]
    with project.start("wait", "--down-project", "clock") as waiting:
        tasks = Path(f"/proc/{waiting.process.pid}/task")
        eventually(lambda: len(list(tasks.iterdir())) > 1, what="a thread that waits")
        project.docker("kill", "--signal", "KILL", f"{project.name}-clock-1").ok()
        ended = waiting.finish()
    assert (137, f'container "{clock}" exited with status code 137\n') == (ended.code, ended.stdout)
    assert [] == project.containers()
    assert f'no containers for project "{project.name}"' in project.run("wait", "clock").failed().stderr


def test_events_are_told_in_composes_words(sleeping: Project) -> None:
    sleeping.run("kill", "web").ok()
    everything = sleeping.run("events", "--since", "1h", "--until", "0s", "--json").ok().stdout
    found = [json.loads(line) for line in everything.splitlines()]
    assert {"time", "type", "service", "id", "action", "attributes"} == set(found[0])
    assert {"web", "db"} == {event["service"] for event in found}
    die = next(event for event in found if event["action"] == "die")
    assert ("web", "137") == (die["service"], die["attributes"]["exitCode"])
    assert not [key for event in found for key in event["attributes"] if key.startswith("com.docker.compose")]
    lines = sleeping.run("events", "--since", "1h", "--until", "0s", "web").ok().stdout.splitlines()
    assert all(f"name={sleeping.name}-web-1" in line for line in lines)
    assert " container die " in "\n".join(lines)
    template = sleeping.run("events", "--since", "1h", "--until", "0s", "--format", "{{.Service}}:{{.Action}}").ok()
    assert "web:kill\n" in template.stdout
    assert "no such service: not-a-service" in sleeping.run("events", "not-a-service").stderr


def test_events_are_followed_until_interrupted(sleeping: Project) -> None:
    with sleeping.start("events", "--since", "1h") as events:
        events.says("container create")
        sleeping.run("pause", "db").ok()
        events.says("container pause")
        events.signal()
        assert 130 == events.finish().code


def test_stats_once_have_composes_columns(sleeping: Project) -> None:
    shown = sleeping.run("stats", "--no-stream").ok().stdout.splitlines()
    assert "CONTAINER ID NAME CPU % MEM USAGE / LIMIT MEM % NET I/O BLOCK I/O PIDS" == " ".join(shown[0].split())
    assert {f"{sleeping.name}-{name}-1" for name in ("web", "db")} == {line.split()[1] for line in shown[1:]}
    record = json.loads(sleeping.run("stats", "--no-stream", "--format", "json", "web").ok().stdout)
    assert "1" == record["PIDs"]
    assert record["MemUsage"].split()[0] != "0B"
    names = sleeping.run("stats", "--no-stream", "--format", "{{.Service}} {{.Name}}", "db").ok().stdout
    assert f"db {sleeping.name}-db-1\n" == names


def test_stats_are_live_on_a_terminal(sleeping: Project) -> None:
    with sleeping.terminal("stats") as terminal:
        terminal.says("KiB / ")
        sleeping.up("--scale", "web=2")
        terminal.says(f"{sleeping.name}-web-2")
        terminal.type("\x03")
        assert 130 == terminal.finish()


# --- commit and export -----------------------------------------------------------------------------------------------


def test_a_container_becomes_an_image(sleeping: Project) -> None:
    sleeping.run("exec", "-T", "web", "sh", "-c", "echo mine > /mine").ok()
    name = f"{sleeping.name}:committed"
    options = ("-a", "Someone <a@b.c>", "-c", "ENV DEBUG=true", "-m", "as it was")
    try:
        sleeping.run("commit", *options, "web", name).ok()
        shown = json.loads(sleeping.docker("image", "inspect", name).ok().stdout)[0]
        assert ("Someone <a@b.c>", "as it was") == (shown["Author"], shown["Comment"])
        assert "DEBUG=true" in shown["Config"]["Env"]
        assert "mine\n" == sleeping.docker("run", "--rm", name, "cat", "/mine").ok().stdout
    finally:
        sleeping.docker("image", "rm", "-f", name)


def test_a_file_system_is_exported(sleeping: Project) -> None:
    sleeping.run("exec", "-T", "web", "sh", "-c", "echo mine > /mine").ok()
    sleeping.run("export", "-o", "web.tar", "web").ok()
    with tarfile.open(sleeping.folder / "web.tar") as archive:
        assert b"mine\n" == archive.extractfile("mine").read()  # type: ignore[union-attr]
    assert "there is no folder" not in sleeping.run("export", "-o", "no/where.tar", "web").failed().stderr
    with sleeping.terminal("export", "web") as terminal:
        terminal.says("not written to a terminal")
        assert 2 == terminal.finish()
