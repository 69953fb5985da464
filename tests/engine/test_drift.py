"""What was changed by hand is found, named in the plan, and mended; in place where the engine can."""

from __future__ import annotations

import os

import pytest

from orchestrator.engines.docker import mounted
from tests.conftest import ProjectMaker
from tests.support.engines import Engine
from tests.support.projects import Project

SPEC = """
    services:
      web:
        image: busybox:stable
        command: sleep 100000
        stop_signal: SIGKILL
        init: true
        mem_limit: 64m
        restart: unless-stopped
        healthcheck: {test: [CMD, "true"], interval: 200ms}
        networks: {front: {aliases: [shopfront]}}
        volumes: ["./app.ini:/etc/app.ini:ro"]
        configs: [{source: motd, target: /etc/motd}]
        secrets: [token]
    networks: {front: {}}
    configs: {motd: {content: "hello ${WHO:-you}"}}
    secrets: {token: {file: ./token.txt}}
"""


@pytest.fixture
def shop(project: Project) -> Project:
    project.write(SPEC)
    project.write("setting=1", "app.ini")
    project.write("first", "token.txt")
    project.up()
    return project


def name(shop: Project) -> str:
    return f"{shop.name}-web-1"


def mended_in_place(shop: Project) -> None:
    """One `up` mends it, keeps the container, and leaves nothing to do."""
    before = shop.container("web")["Id"] if shop.container("web") else ""
    shop.up()
    assert shop.running() == ["web-1"]
    if before:
        assert shop.container("web")["Id"] == before
    assert shop.up().mutations == []


def replaced(shop: Project, because: str, env: dict[str, str] | None = None) -> None:
    """One `up` replaces the container for that reason, and leaves nothing to do."""
    before = shop.container("web")["Id"]
    plan = shop.run("plan", env=env).ok()
    assert because in plan.stdout
    shop.up(env=env)
    assert shop.container("web")["Id"] != before
    assert shop.running() == ["web-1"]
    assert shop.up(env=env).mutations == []


def test_memory_changed_by_hand_is_set_back_in_place(shop: Project) -> None:
    shop.docker("update", "--memory", "128m", "--memory-swap", "256m", name(shop)).ok()
    assert "memory: 128m -> 64m (in place)" in shop.run("plan").ok().stdout
    mended_in_place(shop)
    assert shop.container("web")["HostConfig"]["Memory"] == 64 * 2**20


def test_a_restart_policy_changed_by_hand_is_set_back_in_place(shop: Project) -> None:
    shop.docker("update", "--restart", "no", name(shop)).ok()
    mended_in_place(shop)
    assert shop.container("web")["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"


def test_a_renamed_container_gets_its_name_back(shop: Project) -> None:
    before = shop.container("web")["Id"]
    shop.docker("rename", name(shop), f"{shop.name}-lost").ok()
    shop.up()
    assert shop.container("web")["Id"] == before
    assert shop.up().mutations == []


def test_a_paused_container_goes_on(shop: Project) -> None:
    shop.docker("pause", name(shop)).ok()
    mended_in_place(shop)
    assert shop.container("web")["State"]["Paused"] is False


def test_a_stopped_container_is_started(shop: Project) -> None:
    shop.docker("stop", name(shop)).ok()
    mended_in_place(shop)


def test_a_removed_container_is_made_again(shop: Project) -> None:
    shop.docker("rm", "-f", name(shop)).ok()
    shop.up()
    assert shop.running() == ["web-1"]
    assert shop.up().mutations == []


def test_a_disconnected_container_is_connected_again_with_its_aliases(shop: Project) -> None:
    shop.docker("network", "disconnect", f"{shop.name}_front", name(shop)).ok()
    mended_in_place(shop)
    endpoint = shop.container("web")["NetworkSettings"]["Networks"][f"{shop.name}_front"]
    assert {"shopfront", "web"} <= set(endpoint["Aliases"])


def test_a_lost_alias_is_given_back(shop: Project) -> None:
    network = f"{shop.name}_front"
    shop.docker("network", "disconnect", network, name(shop)).ok()
    shop.docker("network", "connect", network, name(shop)).ok()
    mended_in_place(shop)
    assert "shopfront" in shop.container("web")["NetworkSettings"]["Networks"][network]["Aliases"]


def test_a_network_pruned_while_its_containers_were_stopped_is_made_again(shop: Project) -> None:
    shop.docker("stop", name(shop)).ok()
    shop.docker("network", "rm", f"{shop.name}_front").ok()
    shop.up()
    assert shop.running() == ["web-1"]
    assert f"{shop.name}_front" in shop.container("web")["NetworkSettings"]["Networks"]
    assert shop.up().mutations == []


def test_a_config_whose_content_changed_replaces_the_container(shop: Project) -> None:
    replaced(shop, "motd", env={"WHO": "everyone"})
    assert shop.engine.exec(shop.container("web")["Id"], "cat", "/etc/motd") == (0, "hello everyone")


def test_a_secret_whose_content_changed_replaces_the_container_and_is_not_shown(shop: Project) -> None:
    shop.write("second-canary", "token.txt")
    assert "second-canary" not in shop.run("plan").ok().stdout
    replaced(shop, "token")


def test_a_bind_mounted_file_replaced_by_an_editor_replaces_the_container(shop: Project) -> None:
    fresh = shop.write("setting=2", "app.ini.new")
    os.replace(fresh, shop.folder / "app.ini")
    replaced(shop, "/etc/app.ini")
    assert shop.engine.exec(shop.container("web")["Id"], "cat", "/etc/app.ini") == (0, "setting=2")


def test_a_bind_mounted_file_edited_in_place_leaves_the_container_alone(shop: Project) -> None:
    (shop.folder / "app.ini").write_text("setting=3")
    assert shop.up().mutations == []


def test_a_variable_changed_in_the_file_is_named_with_both_values(shop: Project) -> None:
    shop.write(SPEC.replace("init: true", "init: true\n        environment: {LOG_LEVEL: debug, API_TOKEN: canary-1}"))
    plan = shop.run("plan").ok()
    assert "environment.LOG_LEVEL: (none) -> debug" in plan.stdout
    assert "canary-1" not in plan.stdout
    shop.up()
    shop.write(SPEC.replace("init: true", "init: true\n        environment: {LOG_LEVEL: info, API_TOKEN: canary-2}"))
    plan = shop.run("plan").ok()
    assert "environment.LOG_LEVEL: debug -> info" in plan.stdout
    assert "environment.API_TOKEN" in plan.stdout
    assert "canary" not in plan.stdout


def test_a_limit_changed_in_the_file_is_changed_in_place(shop: Project) -> None:
    before = shop.container("web")["Id"]
    shop.write(SPEC.replace("mem_limit: 64m", "mem_limit: 128m"))
    assert "64m -> 128m (in place)" in shop.run("plan").ok().stdout
    shop.up()
    assert shop.container("web")["Id"] == before
    assert shop.container("web")["HostConfig"]["Memory"] == 128 * 2**20
    assert shop.up().mutations == []


def test_a_replaced_file_is_seen_by_users_who_may_not_look_into_processes(
    each_engine: Engine, make_project: ProjectMaker
) -> None:
    """A member of the docker group is not root; an edit in place is no reason, a rename by an editor is, a restart mends it."""
    project = make_project(on=each_engine)
    project.write("first", "app.conf")
    project.write("""
        services:
          web:
            image: busybox:stable
            command: sleep 1000
            stop_signal: SIGKILL
            volumes: ["./app.conf:/etc/app.conf:ro"]
    """)
    project.up()

    def seen() -> tuple[str, ...]:
        return mounted.replaced_files(project.container("web"), proc="/nowhere")

    assert seen() == ()
    (project.folder / "app.conf").write_text("edited")
    assert seen() == ()
    project.write("second", "app.conf.new")
    (project.folder / "app.conf.new").replace(project.folder / "app.conf")
    assert seen() == ("/etc/app.conf",)
    project.run("restart").ok()
    assert seen() == ()
