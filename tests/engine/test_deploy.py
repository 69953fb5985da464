"""`deploy` on one host, on a real engine: placed or refused, run to its end, restarted as told."""

from __future__ import annotations

from tests.conftest import ProjectMaker
from tests.support.engines import Engine
from tests.support.waiting import eventually


def test_a_service_that_cannot_be_placed_here_is_refused_before_anything_is_touched(
    each_engine: Engine, make_project: ProjectMaker
) -> None:
    project = make_project(on=each_engine)
    project.write("""
        services:
          web:
            image: busybox:stable
            command: sleep 1000
            deploy:
              placement:
                constraints:
                  - node.platform.os == linux
                  - node.labels.disk == ssd
          free:
            image: busybox:stable
            command: sleep 1000
    """)
    refused = project.run("up", "-d").failed()

    assert 'service "web" cannot be placed here: it asks for node.labels.disk == ssd' in refused.stderr
    assert "app.yml:9:" in refused.stderr
    assert refused.mutations == []
    assert project.census.empty


def test_what_holds_of_this_host_is_no_obstacle(each_engine: Engine, make_project: ProjectMaker) -> None:
    facts = each_engine.api.get("/info")
    project = make_project(on=each_engine)
    project.write(f"""
        services:
          web:
            image: busybox:stable
            command: sleep 1000
            stop_signal: SIGKILL
            deploy:
              placement:
                max_replicas_per_node: 2
                constraints:
                  - node.hostname == {facts["Name"]}
                  - node.platform.arch == {facts["Architecture"]}
                  - node.role == manager
                  - engine.labels.gpu != yes
    """)
    project.up("--scale", "web=2")
    assert project.running() == ["web-1", "web-2"]

    refused = project.run("up", "-d", "--scale", "web=3").failed()

    assert "at most 2 may be on one host" in refused.stderr
    assert project.running() == ["web-1", "web-2"]


def test_a_job_runs_to_its_end_and_is_done(each_engine: Engine, make_project: ProjectMaker) -> None:
    project = make_project(on=each_engine)
    project.write("""
        services:
          seed:
            image: busybox:stable
            command: sh -c "echo done >> /out/log"
            volumes: [out:/out]
            deploy: {mode: replicated-job, replicas: 2}
          once:
            image: busybox:stable
            command: "true"
            scale: 3
            deploy: {mode: global-job}
        volumes: {out: {}}
    """)
    project.up("--wait")

    ended = {entry["Name"].rpartition(f"{project.name}-")[2]: entry["State"] for entry in project.containers()}
    assert sorted(ended) == ["once-1", "seed-1", "seed-2"]
    assert {state["ExitCode"] for state in ended.values()} == {0}
    assert project.up().mutations == []


def test_a_job_that_fails_is_started_again_as_often_as_it_says(each_engine: Engine, make_project: ProjectMaker) -> None:
    project = make_project(on=each_engine)
    project.write("""
        services:
          flaky:
            image: busybox:stable
            command: sh -c 'echo x >> /out/tries; test "$(wc -l < /out/tries)" -ge 3'
            volumes: [out:/out]
            deploy: {mode: replicated-job, restart_policy: {max_attempts: 5}}
        volumes: {out: {}}
    """)
    project.up()

    assert project.container("flaky")["HostConfig"]["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 5}
    eventually(lambda: project.container("flaky")["State"]["Status"] == "exited")
    state = project.container("flaky")
    assert (state["State"]["ExitCode"], state["RestartCount"]) == (0, 2)
    assert project.up().mutations == []
