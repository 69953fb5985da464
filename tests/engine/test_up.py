"""`stack up` brings up what the file says, on a real engine."""

from __future__ import annotations

import json

from tests.conftest import ProjectMaker
from tests.support.engines import Engine
from tests.support.projects import Project
from tests.support.waiting import eventually

WORKER = "trap 'exit 0' TERM; while :; do sleep 1000 & wait; done"

MANY = f"""
    services:
      web:
        image: busybox:stable
        command: sh -c "{WORKER}"
        environment:
          LOG_LEVEL: info
          FROM_SHELL: ${{GREETING:-hello}}
        env_file: web.env
        ports: ["0:8080"]
        volumes:
          - data:/data
          - ./conf:/etc/app:ro
        tmpfs: /scratch
        networks: [front, back]
        depends_on:
          db: {{condition: service_healthy}}
          migrate: {{condition: service_completed_successfully}}
        configs:
          - source: motd
            target: /etc/motd
        secrets: [password]
        mem_limit: 64m
        cap_drop: [NET_RAW]
        extra_hosts: ["example.test:10.0.0.9"]
        init: true
        user: "1000:1000"
        working_dir: /tmp
        stop_signal: SIGTERM
        stop_grace_period: 2s
        labels: {{team: shop}}
        restart: unless-stopped
        scale: 2
      db:
        image: busybox:stable
        command: sh -c "touch /tmp/ready; {WORKER}"
        healthcheck:
          test: [CMD, test, -f, /tmp/ready]
          interval: 200ms
        networks: {{back: {{aliases: [database]}}}}
      migrate:
        image: busybox:stable
        command: "true"
        depends_on: [db]
        networks: [back]
    networks:
      front: {{}}
      back: {{internal: true}}
    volumes:
      data: {{}}
    configs:
      motd: {{content: "welcome to ${{GREETING:-nowhere}}"}}
    secrets:
      password: {{environment: DB_PASSWORD}}
"""


def write_many(project: Project) -> None:
    project.write(MANY)
    project.write("EXTRA=from-file\n", "web.env")
    project.write("x", "conf/app.ini")


def test_a_stack_of_several_services_comes_up_whole(each_engine: Engine, make_project: ProjectMaker) -> None:
    project = make_project(on=each_engine)
    write_many(project)
    project.up(env={"DB_PASSWORD": "s3cr3t-canary", "GREETING": "hi"})

    assert sorted(project.running()) == ["db-1", "web-1", "web-2"]
    web = project.container("web")
    assert {"LOG_LEVEL=info", "FROM_SHELL=hi", "EXTRA=from-file"} <= set(web["Config"]["Env"])
    assert web["HostConfig"]["Memory"] == 64 * 2**20
    assert web["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"
    assert set(web["NetworkSettings"]["Networks"]) == {f"{project.name}_front", f"{project.name}_back"}
    assert each_engine.exec(web["Id"], "cat", "/etc/motd") == (0, "welcome to hi")
    assert each_engine.exec(web["Id"], "cat", "/run/secrets/password") == (0, "s3cr3t-canary")
    assert each_engine.exec(web["Id"], "ping", "-c1", "-W2", "database")[0] in (0, 1)  # the name resolves
    assert project.container("migrate")["State"]["ExitCode"] == 0


def test_a_second_identical_run_asks_the_engine_for_no_change(each_engine: Engine, make_project: ProjectMaker) -> None:
    project = make_project(on=each_engine)
    write_many(project)
    secret = {"DB_PASSWORD": "s3cr3t-canary"}
    project.up(env=secret)
    before = project.ids()
    again = project.up(env=secret)

    assert again.mutations == []
    assert project.ids() == before


def test_down_removes_containers_and_networks_and_keeps_volumes(project: Project) -> None:
    write_many(project)
    project.up(env={"DB_PASSWORD": "x"})
    project.down()

    assert project.census.containers == frozenset()
    assert project.census.networks == frozenset()
    assert project.census.volumes == {f"{project.name}_data"}
    project.down("-v")
    assert project.census.empty


def test_a_secret_reaches_neither_labels_nor_arguments_nor_output(project: Project) -> None:
    write_many(project)
    result = project.run("--debug", "up", "-d", env={"DB_PASSWORD": "s3cr3t-canary"}).ok()
    shown = project.run("plan", "--json", env={"DB_PASSWORD": "an0ther-canary"})

    inspected = json.dumps(project.containers())
    for canary in ("s3cr3t-canary", "an0ther-canary"):
        assert canary not in inspected
        assert canary not in result.stdout + result.stderr + shown.stdout + shown.stderr


def test_services_named_as_arguments_come_with_their_dependencies_alone(project: Project) -> None:
    project.write(
        f"""
        services:
          web: {{image: "busybox:stable", command: sh -c "{WORKER}", depends_on: [db]}}
          db: {{image: "busybox:stable", command: sh -c "{WORKER}"}}
          other: {{image: "busybox:stable", command: sh -c "{WORKER}"}}
        """
    )
    project.up("web")

    assert sorted(project.running()) == ["db-1", "web-1"]


def test_services_of_inactive_profiles_stay_away_until_asked_for(project: Project) -> None:
    project.write(
        f"""
        services:
          web: {{image: "busybox:stable", command: sh -c "{WORKER}"}}
          debug: {{image: "busybox:stable", command: sh -c "{WORKER}", profiles: [tools]}}
        """
    )
    project.up()
    assert project.running() == ["web-1"]
    project.run("--profile", "tools", "up", "-d").ok()
    assert sorted(project.running()) == ["debug-1", "web-1"]
    project.up()
    assert sorted(project.running()) == ["debug-1", "web-1"]


def test_up_wait_ends_when_everything_is_healthy_and_fails_when_it_never_will_be(project: Project) -> None:
    spec = """
        services:
          web:
            image: busybox:stable
            command: sleep 1000
            stop_signal: SIGKILL
            healthcheck: {{test: [CMD, {test}], interval: 200ms, retries: 2}}
        """
    project.write(spec.format(test="'true'"))
    project.run("up", "--wait").ok()
    assert project.container("web")["State"]["Health"]["Status"] == "healthy"
    project.down()
    project.write(spec.format(test="'false'"))
    result = project.run("up", "--wait", "--wait-timeout", "20").failed(1)
    assert "unhealthy" in result.stderr


def test_a_dependency_that_fails_keeps_its_dependents_from_starting_and_its_last_words_are_shown(
    project: Project,
) -> None:
    project.write(
        """
        services:
          migrate: {image: "busybox:stable", command: sh -c "echo migration exploded; exit 3"}
          web:
            image: busybox:stable
            command: sleep 1000
            depends_on: {migrate: {condition: service_completed_successfully}}
        """
    )
    result = project.run("up", "-d").failed(1)

    assert project.running() == []
    assert "migration exploded" in result.stderr
    assert "3" in result.stderr


def test_replicas_follow_the_file_up_and_down_highest_slots_first(project: Project) -> None:
    spec = f'services: {{web: {{image: "busybox:stable", command: sh -c "{WORKER}", deploy: {{replicas: %d}}}}}}'
    project.write(spec % 3)
    project.up()
    before = project.ids()
    project.write(spec % 1)
    project.up()
    assert project.ids() == {f"{project.name}-web-1": before[f"{project.name}-web-1"]}
    project.up("--scale", "web=2")
    assert sorted(project.running()) == ["web-1", "web-2"]


def test_orphans_are_named_and_removed_only_when_asked(project: Project) -> None:
    both = f'services: {{web: {{image: "busybox:stable", command: sh -c "{WORKER}"}}, old: {{image: "busybox:stable", command: sh -c "{WORKER}"}}}}'
    project.write(both)
    project.up()
    project.write(f'services: {{web: {{image: "busybox:stable", command: sh -c "{WORKER}"}}}}')
    warned = project.up()
    assert "old" in warned.stderr
    assert sorted(project.running()) == ["old-1", "web-1"]
    project.up("--remove-orphans")
    assert project.running() == ["web-1"]


def test_a_published_port_that_is_taken_is_named_with_its_holder(make_project: ProjectMaker, engine: Engine) -> None:
    first, second = make_project(), make_project()
    port = 20000 + hash(first.name) % 10000
    spec = f'services: {{web: {{image: "busybox:stable", command: sh -c "{WORKER}", ports: ["{port}:80"]}}}}'
    first.write(spec)
    second.write(spec)
    first.up()
    result = second.run("up", "-d").failed(1)

    assert str(port) in result.stderr
    assert f"{first.name}-web-1" in result.stderr


def test_attached_up_shows_logs_and_stops_everything_at_ctrl_c(project: Project) -> None:
    project.write(
        """
        services:
          one: {image: "busybox:stable", command: sh -c "trap 'exit 0' TERM; echo I am one; while :; do sleep 1000 & wait; done"}
          two: {image: "busybox:stable", command: sh -c "trap 'exit 0' TERM; echo I am two; while :; do sleep 1000 & wait; done"}
        """
    )
    with project.start("up") as running:
        running.says("I am one")
        running.says("I am two")
        running.signal()
        result = running.finish()

    assert result.code == 130
    assert "one-1" in result.stdout
    assert "Traceback" not in result.stderr
    eventually(lambda: project.running() == [])


def test_a_build_is_built_and_its_change_replaces_the_container(
    each_engine: Engine, make_project: ProjectMaker
) -> None:
    project = make_project(on=each_engine)
    project.write(
        f"""
        services:
          app:
            build:
              context: ./app
              target: final
              args: {{WORD: first}}
              labels: {{built: by-us}}
            command: sh -c "{WORKER}"
        """
    )
    project.write(
        """
        FROM busybox:stable AS base
        ARG WORD
        RUN echo $WORD > /word
        FROM base AS final
        COPY file /file
        """,
        "app/Dockerfile",
    )
    project.write("one", "app/file")
    project.up()
    app = project.container("app")
    assert each_engine.exec(app["Id"], "cat", "/word") == (0, "first\n")
    assert each_engine.image(f"{project.name}-app")["Config"]["Labels"]["built"] == "by-us"
    assert project.up().mutations == []
    project.write("two", "app/file")
    project.up("--build")
    changed = project.container("app")
    assert changed["Id"] != app["Id"]
    assert each_engine.exec(changed["Id"], "cat", "/file") == (0, "two")
    project.run("down", "--rmi", "local").ok()
    assert each_engine.image(f"{project.name}-app") == {}


def test_a_link_leads_to_every_container_of_the_other_service(project: Project) -> None:
    project.write(
        """
        services:
          store: {image: "busybox:stable", command: sleep 1000, stop_signal: KILL, scale: 2}
          shop: {image: "busybox:stable", command: sleep 1000, stop_signal: KILL, links: ["store:shelf"]}
        """
    )
    project.run("up", "-d").ok()
    for name in ("shelf", "store-1", "store-2"):
        project.run("exec", "-T", "shop", "ping", "-c1", name).ok()
