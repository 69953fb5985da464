"""`stack run` on a real engine: one command in a container of its own, with its streams, its terminal and its code."""

from __future__ import annotations

import signal

from tests.conftest import ProjectMaker
from tests.support.engines import Engine, Json
from tests.support.projects import Project
from tests.support.waiting import eventually

SHOP = """
    services:
      tool:
        image: busybox:stable
        command: ["echo", "from the file"]
        environment: {A: file, B: file}
        ports: ["127.0.0.1::80"]
        cap_drop: [CHOWN]
        restart: always
        depends_on: {db: {condition: service_healthy}}
        volumes: ["data:/data", "./here:/there"]
      db:
        image: busybox:stable
        command: ["sh", "-c", "touch /up; sleep 1000"]
        healthcheck: {test: "test -e /up", interval: 100ms}
        stop_grace_period: 0s
      other: {image: "busybox:stable", command: sleep 1000, stop_grace_period: 0s}
    volumes: {data: {}}
    """


def oneoffs(project: Project) -> list[Json]:
    return [c for c in project.containers("tool") if c["Config"]["Labels"]["com.docker.compose.oneoff"] == "True"]


def test_a_command_runs_beside_its_healthy_dependencies(make_project: ProjectMaker, each_engine: Engine) -> None:
    project = make_project(on=each_engine)
    project.write(SHOP)
    ended = project.run("run", "tool").ok()
    assert "from the file\n" == ended.stdout
    [container] = oneoffs(project)
    labels = container["Config"]["Labels"]
    assert container["Name"] == f"/{project.name}-tool-run-{labels['com.docker.compose.slug'][:12]}"
    assert "1" == labels["com.docker.compose.container-number"]
    assert "healthy" == project.container("db")["State"]["Health"]["Status"]
    assert not project.container("other")
    assert not container["HostConfig"]["PortBindings"]
    assert container["HostConfig"]["RestartPolicy"]["Name"] in ("", "no")
    (network,) = container["NetworkSettings"]["Networks"].values()
    assert "tool" not in network["Aliases"]


def test_its_code_and_its_streams_are_ours(project: Project) -> None:
    project.write(SHOP)
    script = "cat; echo oops >&2; exit 7"
    ended = project.run("run", "--quiet", "--rm", "--no-deps", "-T", "tool", "sh", "-c", script, stdin="line\n")
    assert (7, "line\n", "oops\n") == (ended.code, ended.stdout, ended.stderr)
    assert [] == project.containers()


def test_a_name_without_a_value_here_leaves_the_image_its_own(project: Project) -> None:
    project.write(
        """
        services:
          job:
            image: NAME-job
            build: {context: ., dockerfile_inline: "FROM busybox:stable\\nENV COLOUR=blue\\n"}
        """.replace("NAME", project.name)
    )
    said = project.run("run", "--rm", "--build", "-e", "COLOUR", "job", "sh", "-c", "echo $COLOUR").ok()
    assert said.stdout.endswith("blue\n")


def test_options_change_what_the_file_says(project: Project) -> None:
    project.write(SHOP)
    project.write("C=from a file\nD=from a file\n", "more.env")
    options = ("-e", "B=here", "-e", "HOST_VALUE", "--env-from-file", "more.env", "-e", "D=here", "-w", "/tmp")
    options += ("-u", "1000", "-l", "a=b", "--cap-add", "CHOWN", "--cap-drop", "KILL", "--name", f"{project.name}-me")
    options += ("-v", f"{project.folder}:/there", "-v", "data:/more:ro", "-p", "127.0.0.1::81", "--use-aliases")
    script = "echo $A $B $C, $D, $HOST_VALUE; pwd; id -u; ls /there"
    ended = project.run("run", "--no-deps", *options, "tool", "sh", "-c", script, env={"HOST_VALUE": "value"}).ok()
    assert "file here from a file, here, value\n/tmp\n1000\n" in ended.stdout
    assert "more.env" in ended.stdout
    container = project.engine.inspect(f"{project.name}-me")
    host = container["HostConfig"]
    assert "b" == container["Config"]["Labels"]["a"]
    assert (["CHOWN"], ["KILL"]) == tuple([n.removeprefix("CAP_") for n in host[key]] for key in ("CapAdd", "CapDrop"))
    assert ["81/tcp"] == list(host["PortBindings"])
    mounts = {mount["Destination"]: (mount.get("Name", ""), mount["RW"]) for mount in container["Mounts"]}
    volume = f"{project.name}_data"
    assert {"/data": (volume, True), "/more": (volume, False), "/there": ("", True)} == mounts
    (network,) = container["NetworkSettings"]["Networks"].values()
    assert "tool" in network["Aliases"]


def test_an_entrypoint_takes_the_place_of_the_command_too(project: Project) -> None:
    project.write(SHOP)
    assert "x y\n" == project.run("run", "--no-deps", "--rm", "--entrypoint", "echo x", "tool", "y").ok().stdout
    assert "\n" == project.run("run", "--no-deps", "--rm", "--entrypoint", "echo", "tool").ok().stdout


def test_ports_of_the_service_are_published_on_demand_only(project: Project) -> None:
    project.write(SHOP)
    project.run("run", "-d", "--no-deps", "-P", "tool", "sleep", "1000").ok()
    [container] = oneoffs(project)
    assert container["NetworkSettings"]["Ports"]["80/tcp"]
    refused = project.run("run", "-P", "-p", "80", "tool").failed(2)
    assert "--service-ports and --publish contradict each other" in refused.stderr


def test_a_detached_one_is_told_by_its_id(project: Project) -> None:
    project.write(SHOP)
    ended = project.run("run", "-d", "--rm", "--no-deps", "tool", "sleep", "1000").ok()
    [container] = oneoffs(project)
    assert f"{container['Id']}\n" == ended.stdout
    assert container["HostConfig"]["AutoRemove"]


def test_an_ended_one_is_an_orphan_and_goes_with_the_word(project: Project) -> None:
    project.write(SHOP)
    project.run("run", "--no-deps", "tool").ok()
    again = project.run("run", "--no-deps", "--rm", "tool").ok()
    assert f"{project.name}-tool-run-" in again.stderr
    assert "orphan" in again.stderr
    hushed = project.run("run", "--no-deps", "--rm", "tool", env={"COMPOSE_IGNORE_ORPHANS": "true"}).ok()
    assert "orphan" not in hushed.stderr
    project.run("run", "--no-deps", "--rm", "--remove-orphans", "tool").ok()
    assert [] == oneoffs(project)


def test_what_cannot_start_is_said_and_fails(project: Project) -> None:
    project.write(SHOP)
    failed = project.run("run", "--rm", "--no-deps", "tool", "no-such-program").failed(1)
    assert "no-such-program" in failed.stderr
    eventually(lambda: not project.containers(), what="the container's removal")
    assert "no such service: nope" in project.run("run", "nope").stderr


def test_signals_reach_the_command(project: Project) -> None:
    project.write(SHOP)
    script = "trap 'echo got it; exit 5' USR1; echo ready; while true; do sleep 0.1; done"
    with project.start("run", "--rm", "--no-deps", "-T", "tool", "sh", "-c", script) as running:
        running.says("ready")
        running.signal(signal.SIGUSR1)
        ended = running.finish()
    assert 5 == ended.code
    assert "got it" in ended.stdout


def test_a_terminal_has_keys_colours_and_a_size(project: Project) -> None:
    project.write(SHOP)
    with project.terminal("run", "--rm", "--no-deps", "tool", "sh") as terminal:
        terminal.says("# ")
        terminal.type("tty; stty size\r")
        terminal.says("/dev/pts/0")
        terminal.says("24 100")
        terminal.resize(30, 90)
        terminal.process.send_signal(signal.SIGWINCH)
        terminal.type("stty size; sleep 100\r")
        terminal.says("30 90")
        terminal.type("\x03")
        terminal.type("exit 4\r")
        assert 4 == terminal.finish()
        assert terminal.echoes()


def test_the_detach_keys_leave_it_running(project: Project) -> None:
    project.write(SHOP)
    with project.terminal("run", "--no-deps", "tool", "sh") as terminal:
        terminal.says("# ")
        terminal.type("\x10\x11")
        assert 0 == terminal.finish()
    [container] = oneoffs(project)
    assert container["State"]["Running"]


def test_hooks_run_after_the_start(project: Project) -> None:
    project.write(
        """
        services:
          tool:
            image: busybox:stable
            command: ["sh", "-c", "until test -e /hooked; do sleep 0.05; done; cat /hooked"]
            post_start: [{command: ["sh", "-c", "echo hooked > /hooked"]}]
        """
    )
    assert "hooked\n" == project.run("run", "--rm", "tool").ok().stdout


def test_a_dry_run_shows_the_plan(project: Project) -> None:
    project.write(SHOP)
    shown = project.run("--dry-run", "run", "tool").ok()
    assert [] == shown.mutations
    assert "create db.1" in shown.stdout
    assert f"create container {project.name}-tool-run-" in shown.stdout
