"""What runs without a file gets one: a project of docker compose, and containers that somebody made by hand."""

from __future__ import annotations

from tests.conftest import ProjectMaker
from tests.support.commands import run_stack
from tests.support.engines import Engine
from tests.support.projects import Project

SPEC = """
    services:
      db:
        image: busybox:stable
        command: ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"]
        environment: {PASSWORD: "a$$b", EMPTY: ""}
        volumes: ["data:/data", "./conf:/conf:ro", "/cache"]
        healthcheck: {test: "true", interval: 1s}
        networks: {back: {aliases: [store], ipv4_address: 10.231.7.9}}
        restart: unless-stopped
        deploy: {resources: {limits: {memory: 64M, cpus: "0.5"}}}
        labels: {owner: me}
      web:
        image: busybox:stable
        command: sleep 1000
        stop_signal: SIGKILL
        stop_grace_period: 90s
        scale: 2
        depends_on: {db: {condition: service_healthy}}
        ports: ["127.0.0.1::80"]
        networks: [back, default]
        user: "1000"
        cap_add: [NET_ADMIN]
        ulimits: {nofile: {soft: 1000, hard: 2000}}
        tmpfs: [/run]
    volumes: {data: {labels: {keep: "yes"}}}
    networks:
      back: {ipam: {config: [{subnet: 10.231.7.0/24}]}}
"""


def test_a_compose_project_whose_file_is_lost_is_taken_over_as_it_runs(
    each_engine: Engine, make_project: ProjectMaker
) -> None:
    project = make_project(on=each_engine)
    project.write(SPEC)
    (project.folder / "conf").mkdir()
    project.compose("up", "-d").ok()
    before = project.ids()
    (project.folder / "app.yml").unlink()

    words = ("adopt", "-p", project.name, "-o", "found.yml")
    adopted = run_stack(words, cwd=project.folder, env=project.environment()).ok()
    assert "would change nothing" in adopted.stderr, (project.folder / "found.yml").read_text()
    text = (project.folder / "found.yml").read_text()
    assert "$$" in text
    assert "memory" not in text.replace("mem_limit: 64m", "")
    taken = project.run("up", "-d", file="found.yml").ok()
    assert ([], before) == (taken.mutations, project.ids())
    assert 0o600 == (project.folder / "found.yml").stat().st_mode & 0o777


def test_a_file_that_is_there_is_not_written_over(project: Project) -> None:
    project.write(SPEC)
    assert "is there already" in project.run("adopt").failed(2).stderr


def test_a_project_that_does_not_run_is_said_to_be_unknown(project: Project) -> None:
    assert "no container of a project" in project.run("adopt", "-o", "x.yml", file="x.yml").failed(1).stderr


def test_containers_made_by_hand_become_services_and_keep_their_data(project: Project) -> None:
    engine, name = project.engine, f"{project.name}-hand"
    engine.api.post("/networks/create", {"Name": f"{project.name}-net"})
    made = engine.run(
        name,
        Cmd=["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"],
        Env=["COLOUR=blue"],
        HostConfig={
            "Binds": [f"{project.name}-vol:/data"],
            "RestartPolicy": {"Name": "always"},
            "Memory": 1 << 26,
            "NetworkMode": f"{project.name}-net",
        },
        Volumes={"/anonymous": {}},
    )
    try:
        engine.exec(name, "sh", "-c", "echo kept > /data/f; echo too > /anonymous/f")
        environment = project.environment()

        def stack(*words: str) -> str:
            result = run_stack(words, cwd=project.folder, env=environment).ok()
            return result.stdout + result.stderr

        said = stack("adopt", "-p", project.name, name)
        assert "containers made by hand are replaced once" in said
        assert engine.inspect(made)["State"]["Running"]
        assert "it carries no labels of this stack yet" in stack("plan")
        stack("up", "-d")
        after = engine.inspect(name)
        assert made != after["Id"]
        assert not engine.inspect(made)
        assert (0, "kept\ntoo\nblue\n") == engine.exec(name, "sh", "-c", "cat /data/f /anonymous/f; echo $COLOUR")
        assert [f"{project.name}-net"] == list(after["NetworkSettings"]["Networks"])
        assert (1 << 26, "always") == (after["HostConfig"]["Memory"], after["HostConfig"]["RestartPolicy"]["Name"])
        assert name in stack("ps")
        assert [name] == list(project.ids())
        stack("plan", "--detailed-exitcode")
    finally:
        project.docker("rm", "-fv", name)
        project.docker("network", "rm", f"{project.name}-net")
        project.docker("volume", "rm", f"{project.name}-vol")
