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


def test_what_is_shared_with_a_container_that_is_gone_is_refused_in_known_words(project: Project) -> None:
    project.write(f"""
        services:
          db: {{{SLEEPS}, volumes: [/var/data]}}
          files: {{{SLEEPS}, volumes_from: [db]}}
          net: {{{SLEEPS}, network_mode: "service:db"}}
    """)
    project.up()
    assert not project.up("--no-deps", "files").mutations
    project.docker("rm", "-f", f"{project.name}-db-1").ok()

    files = project.run("up", "-d", "--no-deps", "files").failed(1)
    net = project.run("up", "-d", "--no-deps", "net").failed(1)

    assert "cannot share volume with service db: container missing" in files.stderr
    assert "cannot share network namespace with service db: container missing" in net.stderr


def test_a_name_is_only_taken_by_a_service_that_comes_up_too(project: Project) -> None:
    project.write(f"""
        services:
          one: {{{SLEEPS}, container_name: {project.name}-same}}
          other: {{{SLEEPS}, container_name: {project.name}-same}}
    """)

    refused = project.run("up", "-d").failed(1)

    assert f'container name "{project.name}-same" is already in use' in refused.stderr
    project.up("one")
    project.run("config", "-q").ok()


def test_a_quicker_check_at_the_start_needs_a_start(project: Project) -> None:
    project.write(f"""
        services:
          vain: {{{SLEEPS}, healthcheck: {{test: "true", interval: 1s, start_interval: 1s}}}}
          well: {{{SLEEPS}, healthcheck: {{test: "true", interval: 1s}}}}
    """)

    refused = project.run("up", "-d", "--wait", "vain").failed(1)

    assert "healthcheck.start_interval requires healthcheck.start_period to be set" in refused.stderr
    assert "well-1 Healthy" in project.run("up", "--wait", "well").ok().stderr


def test_a_pull_that_fails_names_what_has_to_be_built(project: Project, registry: Registry) -> None:
    project.write(f'services: {{made: {{build: ., image: "{registry.address}/{project.name}/nowhere"}}}}')

    refused = project.run("pull").failed(1)
    forgiven = project.run("pull", "--ignore-pull-failures").ok()

    for told in (refused, forgiven):
        assert "Some service image(s) must be built from source by running:\n    stack build made\n" in told.stderr


def test_down_with_orphans_removes_one_off_containers_once(project: Project) -> None:
    project.write(f"services: {{web: {{{SLEEPS}}}}}")
    project.run("run", "web", "true").ok()

    told = project.run("down", "--remove-orphans").ok().stderr

    assert told.count(" Removed\n") == len(
        set(told.split("\n")) & {line for line in told.split("\n") if "Removed" in line}
    )
    assert not project.containers()


def test_time_that_is_up_is_told_in_known_words(project: Project) -> None:
    project.write(f"""
        services:
          web: {{{SLEEPS}, healthcheck: {{test: "false", interval: 1s, start_period: 60s}}}}
    """)

    refused = project.run("up", "--wait", "--wait-timeout", "1").failed(1)

    assert "application not healthy after 1s" in refused.stderr
    assert project.running() == ["web-1"]


def test_who_began_first_speaks_first(project: Project) -> None:
    project.write("""
        services:
          zoe: {image: busybox:stable, command: echo first}
          amy:
            {image: busybox:stable, command: echo second, depends_on: {zoe: {condition: service_completed_successfully}}}
    """)

    said = project.run("up", "--menu=false").ok().stdout

    assert said.index("zoe-1  | first") < said.index("amy-1  | second")


def test_networks_and_volumes_carry_the_labels_that_tools_filter_by(project: Project) -> None:
    project.write(f'services: {{web: {{{SLEEPS}, volumes: ["data:/data"]}}}}\nvolumes: {{data: {{}}}}')
    project.up()

    for kind, name, label in (("network", "default", "network"), ("volume", "data", "volume")):
        found = project.docker(kind, "inspect", f"{project.name}_{name}").ok().stdout
        for key in (f'{label}": "{name}', 'project": ', 'version": '):
            assert f'"com.docker.compose.{key}' in found
