"""What scripts written for docker compose look at: words on standard error, which containers run again, exit codes."""

from __future__ import annotations

from scripts.machine.registry import Registry
from tests.support.projects import Project
from tests.support.waiting import eventually

SLEEPS = "image: busybox:stable, command: sleep 1000, stop_signal: SIGKILL"


def test_up_runs_a_program_again_that_had_ended_and_no_declared_one_shot(project: Project) -> None:
    project.write(f"""
        services:
          once: {{image: busybox:stable, command: [sh, -c, "echo here I am"]}}
          migrate: {{image: busybox:stable, command: "true"}}
          web:
            {{{SLEEPS}, depends_on: {{migrate: {{condition: service_completed_successfully}}}}}}
    """)
    project.up()
    eventually(lambda: not project.container("once")["State"]["Running"])
    before = project.ids()

    again = project.run("up", "--menu=false", "once").ok()

    assert "once-1  | here I am" in again.stdout
    assert project.ids() == before
    eventually(lambda: not project.container("once")["State"]["Running"])
    assert not project.up("web").mutations


def test_words_of_the_engine_begin_as_its_own_client_begins_them(project: Project) -> None:
    project.write("services: {web: {image: busybox:stable, command: [no-such-program]}}")

    refused = project.run("up", "-d").failed(1)

    assert "Error response from daemon: " in refused.stderr
    assert "no-such-program" in refused.stderr


def test_a_hook_that_fails_is_named_by_its_place(project: Project) -> None:
    project.write("""
        services:
          web:
            image: busybox:stable
            command: sleep 1000
            pre_start:
              - command: ["true"]
              - command: [sh, -c, "exit 3"]
    """)

    refused = project.run("up", "-d").failed(1)

    assert 'service "web" pre_start[1] exited with code 3' in refused.stderr


def test_pull_says_what_became_of_each_service(project: Project, registry: Registry) -> None:
    reference = f"{registry.address}/{project.name}/said:1"
    project.docker("tag", "busybox:stable", reference).ok()
    project.docker("push", reference).ok()
    project.write(f"""
        services:
          one: {{image: "{reference}"}}
          other: {{image: "{reference}"}}
          made: {{build: .}}
          named: {{build: ., image: "{reference}-made"}}
    """)
    project.write(f'services: {{there: {{image: "{reference}", pull_policy: missing}}}}', "there.yml")

    told = project.run("pull", "--ignore-buildable").ok().stderr

    assert "one Pulled\n" in told
    assert "other Skipped - Image is already being pulled by one\n" in told
    assert "made Skipped - No image to be pulled\n" in told
    assert "named Skipped - Image can be built\n" in told
    there = project.run("pull", file="there.yml").ok().stderr
    assert "there Skipped - Image is already present locally\n" in there
    assert "one Pulled" not in project.run("pull", "-q", "one").ok().stderr
    project.docker("rmi", reference).ok()


def test_a_restart_waits_until_what_it_goes_along_with_is_healthy_again(project: Project) -> None:
    project.write(f"""
        services:
          db:
            {SLEEPS.replace(", ", chr(10) + "            ")}
            healthcheck: {{test: "true", interval: 200ms}}
          web:
            {{{SLEEPS}, depends_on: {{db: {{condition: service_healthy, restart: true}}}}}}
          other:
            {{{SLEEPS}, depends_on: {{db: {{condition: service_healthy}}}}}}
    """)
    project.up()

    told = project.run("restart", "db").ok().stderr

    assert told.index("db-1 Started") < told.index("db-1 Healthy") < told.index("web-1 Restarting")
    assert "other" not in told


def test_progress_goes_to_standard_output_where_that_is_asked_for(project: Project) -> None:
    project.write(f"services: {{web: {{{SLEEPS}}}}}")

    told = project.run("up", "-d", env={"COMPOSE_STATUS_STDOUT": "1"}).ok()

    assert "web-1 Started" in told.stdout
    assert "web-1 Started" not in told.stderr


def test_space_is_told_by_a_template(project: Project) -> None:
    project.write(f"services: {{web: {{{SLEEPS}}}}}")
    project.up()

    assert "Containers=1" in project.run("du", "--format", "{{.Type}}={{.TotalCount}}").ok().stdout.splitlines()
