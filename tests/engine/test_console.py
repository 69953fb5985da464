"""The console on a real engine: output, signals, exit codes, commands in containers, and lists equal to Compose's."""

from __future__ import annotations

import json
import signal
from typing import Any

from tests.support.projects import Project
from tests.support.waiting import eventually

POLITE = "trap 'echo bye; exit 0' TERM; echo hello; while true; do sleep 0.1; done"
STUBBORN = "trap '' TERM; echo hello; while true; do sleep 0.1; done"


def write(project: Project, **scripts: str) -> None:
    """A service for each script."""
    services = {
        name: {
            "image": "busybox:stable",
            "command": ["sh", "-c", script.replace("$", "$$")],
            "stop_grace_period": "60s",
        }
        for name, script in scripts.items()
    }
    project.write(json.dumps({"services": services}))


def test_ctrl_c_stops_what_runs_in_the_foreground(project: Project) -> None:
    write(project, web=POLITE)
    with project.start("up") as up:
        up.says("web-1  | hello")
        up.signal()
        ended = up.finish()
    assert 130 == ended.code, ended
    assert "web-1  | bye" in ended.stdout
    assert [] == project.running()


def test_a_termination_stops_too_and_says_so(project: Project) -> None:
    write(project, web=POLITE)
    with project.start("up") as up:
        up.says("web-1  | hello")
        up.signal(signal.SIGTERM)
        assert 143 == up.finish().code
    assert [] == project.running()


def test_a_second_ctrl_c_kills(project: Project) -> None:
    write(project, web=STUBBORN)
    with project.start("up") as up:
        up.says("web-1  | hello")
        up.signal()
        up.says("Stopping")
        up.signal()
        assert 130 == up.finish(30).code
    eventually(lambda: not project.running(), what="the container's end")
    assert 137 == project.container("web")["State"]["ExitCode"]


def test_the_exit_code_comes_from_the_service_named(project: Project) -> None:
    write(project, job="sleep 0.5; exit 3", web="trap 'exit 9' TERM; while true; do sleep 0.1; done")
    assert 9 == project.run("up", "--exit-code-from", "web").code
    assert 3 == project.run("up", "--abort-on-container-exit").code
    assert [] == project.running()


def test_a_foreground_run_ends_when_everything_has_ended(project: Project) -> None:
    write(project, one="echo one", two="echo two; exit 4")
    ended = project.run("up").ok()
    assert "one-1  | one" in ended.stdout
    assert "two-1 exited with code 4" in ended.stdout


def test_only_the_output_asked_for_is_shown(project: Project) -> None:
    write(project, one="echo one", two="echo two")
    assert "two" not in project.run("up", "--no-attach", "two").ok().stdout
    project.down()
    assert "one" not in project.run("up", "--attach", "two").ok().stdout


def test_a_container_that_restarts_is_followed_again(project: Project) -> None:
    write(project, web="echo run; sleep 0.3; exit 1")
    project.write((project.folder / "app.yml").read_text().replace('"stop_gr', '"restart": "on-failure:2", "stop_gr'))
    ended = project.run("up").ok()
    assert 3 == ended.stdout.count("web-1  | run"), ended
    assert "web-1 exited with code 1 (restarting)" in ended.stdout


def test_logs_keep_outputs_apart_and_begin_where_asked(project: Project) -> None:
    write(project, web="echo one; echo two; sleep 0.5; echo three >&2")  # two pipes: their order is by time alone
    project.up()
    eventually(lambda: not project.running(), what="the container's end")
    everything = project.run("logs", "--no-log-prefix").ok()
    assert ("one\ntwo\n", "three\n") == (everything.stdout, everything.stderr)
    assert "three\n" == project.run("logs", "--no-log-prefix", "-n", "1").ok().stderr
    assert "" == project.run("logs", "--until", "1h").ok().stdout


def test_logs_follow_a_container_that_begins_later(project: Project) -> None:
    write(project, web=POLITE)
    project.up()
    with project.start("logs", "-f") as logs:
        logs.says("web-1  | hello")
        project.up("--scale", "web=2")
        logs.says("web-2  | hello")
        logs.signal()
        assert 130 == logs.finish().code


def test_a_command_in_a_container_has_its_streams_and_its_code(project: Project) -> None:
    write(project, web=POLITE)
    project.up()
    script = "echo $GREETING; pwd >&2; exit 7"
    ended = project.run("exec", "-T", "-e", "GREETING=hi", "-w", "/tmp", "web", "sh", "-c", script)
    assert (7, "hi\n", "/tmp\n") == (ended.code, ended.stdout, ended.stderr)


def test_looking_takes_one_list_call(project: Project) -> None:
    """No container is asked on its own for what the list says."""
    write(project, web=POLITE, db=POLITE)
    project.up("--scale", "web=3")
    for command in (("ps",), ("ps", "--format", "json"), ("ls",)):
        # An engine that is older than we are refuses the first request for its version: no second one is needed to ask.
        requests = [str(request) for request in project.run(*command).ok().requests if request.status == 200]
        assert ["GET /containers/json"] == requests, command


def records(text: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    for record in found:
        for volatile in ("RunningFor", "Status", "Labels"):
            record.pop(volatile)
        record["Mounts"] = sorted(record["Mounts"].split(","))
        record["Publishers"].sort(
            key=lambda one: (one["TargetPort"], one["URL"])
        )  # the engine answers with them in any order
    return found


def test_ps_says_what_compose_says(project: Project) -> None:
    project.write(
        """
        services:
          web:
            image: busybox:stable
            command: ["sh", "-c", "echo 'a longish command with \\"quotes\\"'; sleep 1000"]
            ports: ["127.0.0.1::80", "81/udp"]
            volumes: ["data:/data", "./here:/there"]
            stop_grace_period: 0s
          job: {image: "busybox:stable", command: "false"}
        volumes: {data: {}}
        """
    )
    project.up()
    ours = project.run("ps", "-a", "--format", "json").ok().stdout
    theirs = project.compose("ps", "-a", "--format", "json").ok().stdout
    assert records(theirs) == records(ours)


def test_a_plan_is_refused_when_someone_changed_a_container_by_hand(project: Project) -> None:
    write(project, web=POLITE)
    project.up()
    write(project, web=POLITE.replace("hello", "goodbye"))
    project.run("plan", "--out", "plan.json").ok()
    project.docker("update", "--memory", "64m", "--memory-swap", "64m", f"{project.name}-web-1").ok()
    refused = project.run("apply", "plan.json").failed()
    assert f"container {project.name}-web-1: settings.resources" in refused.stderr
    assert [] == refused.mutations


def test_a_key_leaves_the_services_running(project: Project) -> None:
    write(project, web=POLITE)
    with project.terminal("up") as terminal:
        terminal.says("hello")
        terminal.says("d Detach")
        terminal.type("d")
        assert 0 == terminal.finish()
        assert terminal.echoes()
    assert ["web-1"] == project.running()


def test_a_key_switches_the_watch(project: Project) -> None:
    write(project, web=POLITE)
    with project.terminal("up") as terminal:
        terminal.says("w Enable Watch")
        terminal.type("w")
        terminal.says("Watch enabled")
        terminal.says("w Disable Watch")
        terminal.type("w")
        terminal.says("Watch disabled")
        terminal.type("\x03")
        assert 130 == terminal.finish()
        assert terminal.echoes()
    assert [] == project.running()


def test_without_the_menu_keys_are_no_one_s(project: Project) -> None:
    write(project, web=POLITE)
    for options, variables in ((("--menu=false",), {}), ((), {"COMPOSE_MENU": "false"})):
        with project.terminal("up", *options, env=variables) as terminal:
            terminal.says("hello")
            terminal.type("d\x03")
            assert 130 == terminal.finish()
            assert "Detach" not in terminal.shown
        project.down()


def test_an_interrupt_stops_the_services_named_and_not_their_dependencies(project: Project) -> None:
    project.write(
        """
        services:
          app:
            image: busybox:stable
            command: ["sh", "-c", "echo hello app; sleep 1000"]
            stop_grace_period: 0s
            depends_on: [db]
          db: {image: "busybox:stable", command: sleep 1000, stop_grace_period: 0s}
        """
    )
    with project.start("up", "--menu=false", "app") as up:
        up.says("hello app")
        up.signal()
        assert 130 == up.finish().code
    assert ["db-1"] == project.running()


def test_what_was_stopped_is_started_again_whatever_its_exit_code(project: Project) -> None:
    """Many servers end with 0 when they are asked to stop; `up` after a Ctrl-C or a `stop` has to bring them back."""
    write(project, web=POLITE)
    project.up()
    project.run("stop").ok()
    assert 0 == project.container("web")["State"]["ExitCode"]
    project.up()
    assert ["web-1"] == project.running()
    assert [] == project.run("up", "-d").ok().mutations


def test_what_hooks_print_is_shown_where_someone_looks(project: Project) -> None:
    project.write(
        """
        services:
          web:
            image: busybox:stable
            command: ["sh", "-c", "echo hello; sleep 1000"]
            stop_grace_period: 0s
            pre_start: [{command: ["echo", "before the start"]}]
            post_start: [{command: ["echo", "after the start"]}]
            pre_stop: [{command: ["echo", "before the stop"]}]
        """
    )
    with project.start("up") as up:
        up.says("web-1  | hello")
        up.signal()
        ended = up.finish()
    for text in ("before the start", "after the start", "before the stop"):
        assert f"web-1 -> {text}\n" in ended.stdout
