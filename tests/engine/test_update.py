"""An update prepares everything first, keeps the old container until the new one is proven, and brings it back if it is not."""

from __future__ import annotations

import pytest

from tests.support.projects import Project

SPEC = """
    services:
      web:
        image: busybox:stable
        command: {command}
        stop_signal: SIGKILL
        environment: {{VERSION: "{version}"}}
        healthcheck: {{test: {test}, interval: 200ms, retries: 2}}
        deploy: {{replicas: {replicas}, update_config: {{monitor: 1s}}}}
"""


def write(
    project: Project, version: str, *, command: str = "sleep 1000", test: str = "[CMD, 'true']", replicas: int = 1
) -> None:
    project.write(SPEC.format(version=version, command=command, test=test, replicas=replicas))


def version_of(project: Project, number: int = 1) -> str:
    environment = project.container("web", number)["Config"]["Env"]
    return next(entry.removeprefix("VERSION=") for entry in environment if entry.startswith("VERSION="))


def test_a_good_version_takes_the_place_the_name_and_the_slot_of_the_old_one(project: Project) -> None:
    write(project, "1", replicas=2)
    project.up()
    write(project, "2", replicas=2)
    project.up()

    assert sorted(project.running()) == ["web-1", "web-2"]
    assert {version_of(project, 1), version_of(project, 2)} == {"2"}
    assert project.up().mutations == []


@pytest.mark.parametrize(
    ("fault", "last_words"),
    [
        ({"test": "[CMD-SHELL, 'echo database is missing; exit 1']"}, "database is missing"),
        ({"command": "sh -c 'echo cannot read my settings; exit 7'"}, "cannot read my settings"),
        ({"command": "/no/such/program"}, "no such"),
    ],
    ids=["never-healthy", "exits-at-once", "cannot-start"],
)
def test_a_bad_version_goes_and_the_old_one_serves_again(
    project: Project, fault: dict[str, str], last_words: str
) -> None:
    write(project, "1", replicas=2)
    project.up()
    before = project.ids()
    write(project, "2", replicas=2, **fault)
    result = project.run("up", "-d").failed(1)

    assert last_words in result.stderr.lower()
    assert project.ids() == before
    assert sorted(project.running()) == ["web-1", "web-2"]


def test_a_missing_image_leaves_the_running_container_untouched(project: Project) -> None:
    write(project, "1")
    project.up()
    before = project.container("web")
    project.write(
        SPEC.format(version="2", command="sleep 1", test="[CMD, 'true']", replicas=1).replace(
            "busybox:stable", "127.0.0.1:1/nowhere:1"
        )
    )
    result = project.run("up", "-d").failed(1)

    assert "nowhere" in result.stderr
    assert project.container("web")["State"]["StartedAt"] == before["State"]["StartedAt"]


def test_nothing_is_stopped_before_everything_new_is_prepared(project: Project) -> None:
    write(project, "1", replicas=3)
    project.up()
    write(project, "2", replicas=3)
    result = project.up()

    asked = [mutation for mutation in result.mutations if "/stop" in mutation or "/containers/create" in mutation]
    first_stop = next(number for number, mutation in enumerate(asked) if "/stop" in mutation)
    assert not any("/containers/create" in mutation for mutation in asked[first_stop:])


def test_start_first_starts_the_new_one_before_the_old_one_stops(project: Project) -> None:
    text = SPEC.replace("monitor: 1s", "monitor: 1s, order: start-first")
    project.write(text.format(version="1", command="sleep 1000", test="[CMD, 'true']", replicas=1))
    project.up()
    project.write(text.format(version="2", command="sleep 1000", test="[CMD, 'true']", replicas=1))
    result = project.up()

    asked = [mutation for mutation in result.mutations if mutation.split("?")[0].endswith(("/start", "/stop"))]
    assert [mutation.split("?")[0].rsplit("/", 1)[1] for mutation in asked] == ["start", "stop"]


def test_a_tag_that_names_another_image_now_is_a_reason_to_replace(project: Project) -> None:
    project.docker("tag", "busybox:stable", f"{project.name}:moving").ok()
    project.write(
        f'services: {{web: {{image: "{project.name}:moving", command: sleep 1000, stop_signal: SIGKILL, pull_policy: never}}}}'
    )
    project.up()
    before = project.container("web")
    project.docker("commit", before["Id"], f"{project.name}:moving").ok()
    assert "image" in project.run("plan").ok().stdout
    project.up()

    assert project.container("web")["Id"] != before["Id"]
    project.down()
    project.docker("rmi", f"{project.name}:moving").ok()


def test_a_dependent_that_asks_for_it_is_restarted_with_its_dependency(project: Project) -> None:
    text = """
        services:
          db: {{image: "busybox:stable", command: sleep 1000, stop_signal: SIGKILL, environment: {{V: "{v}"}}, deploy: {{update_config: {{monitor: 1s}}}}}}
          web: {{image: "busybox:stable", command: sleep 1000, stop_signal: SIGKILL, depends_on: {{db: {{condition: service_started, restart: true}}}}}}
          other: {{image: "busybox:stable", command: sleep 1000, stop_signal: SIGKILL, depends_on: [db]}}
        """
    project.write(text.format(v=1))
    project.up()
    web, other = project.container("web"), project.container("other")
    project.write(text.format(v=2))
    project.up()

    assert project.container("web")["Id"] == web["Id"]
    assert project.container("web")["State"]["StartedAt"] != web["State"]["StartedAt"]
    assert project.container("other")["State"]["StartedAt"] == other["State"]["StartedAt"]


def test_a_volume_whose_definition_changed_is_kept_and_the_reader_told(project: Project) -> None:
    text = 'services: {{web: {{image: "busybox:stable", command: sleep 1000, stop_signal: SIGKILL, volumes: ["data:/data"]}}}}\nvolumes: {{data: {{labels: {{v: "{v}"}}}}}}'
    project.write(text.format(v=1))
    project.up()
    project.engine.exec(project.container("web")["Id"], "sh", "-c", "echo canary > /data/file")
    project.write(text.format(v=2))
    result = project.run("up", "-d")

    assert "data" in result.stderr
    assert project.engine.exec(project.container("web")["Id"], "cat", "/data/file") == (0, "canary\n")


def test_an_anonymous_volume_moves_to_the_replacement(project: Project) -> None:
    text = 'services: {{web: {{image: "busybox:stable", command: sleep 1000, stop_signal: SIGKILL, environment: {{V: "{v}"}}, volumes: [/data], deploy: {{update_config: {{monitor: 1s}}}}}}}}'
    project.write(text.format(v=1))
    project.up()
    project.engine.exec(project.container("web")["Id"], "sh", "-c", "echo canary > /data/file")
    project.write(text.format(v=2))
    project.up()

    assert project.engine.exec(project.container("web")["Id"], "cat", "/data/file") == (0, "canary\n")
