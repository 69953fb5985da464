"""Commands that change things: one way for all, with an honest end."""

from __future__ import annotations

import fcntl
import json
import os
from pathlib import Path

from orchestrator.cli import state
from tests.cli.conftest import RUNNING, Shell


def services(shell: Shell, *args: str) -> list[str]:
    return shell("ps", "--services", *args).ok().out.split()


def test_up_brings_everything_up_and_a_second_one_does_nothing(shop: Shell) -> None:
    first = shop("up", "-d").ok()
    assert " Container shop-web-1 Started\n" in first.err
    assert ["db", "web"] == services(shop)
    second = shop("up", "-d").ok()
    assert RUNNING == second.err


def test_up_with_a_name_brings_up_its_dependencies_too(shop: Shell) -> None:
    shop.write("name: shop\nservices: {a: {image: i}, b: {image: i, depends_on: [a]}, c: {image: i}}")
    shop("up", "-d", "b").ok()
    assert ["a", "b"] == services(shop)


def test_up_without_dependencies(shop: Shell) -> None:
    shop("up", "-d", "--no-deps", "web").ok()
    assert ["web"] == services(shop)


def test_up_of_some_services_leaves_the_others_alone(shop: Shell) -> None:
    """A stack reduced to the services named must not make orphans of the rest."""
    shop("up", "-d").ok()
    shop("up", "-d", "--remove-orphans", "db").ok()
    assert ["db", "web"] == services(shop)


def test_in_the_foreground_up_shows_what_the_services_say(shop: Shell) -> None:
    shop.write("name: shop\nservices: {a: {image: i}, b: {image: i}}")
    said = shop("up").ok()
    assert "a-1  | shop-a-1 says hello\n" in said.out
    assert "b-1  | shop-b-1 says hello\n" in said.out


def test_up_scales(shop: Shell) -> None:
    shop("up", "-d", "--scale", "web=3").ok()
    assert 4 == len(shop("ps", "-q").ok().out.split())
    shop("scale", "web=1").ok()
    assert 2 == len(shop("ps", "-q").ok().out.split())


def test_a_failed_update_says_why_and_that_the_earlier_version_serves(shop: Shell) -> None:
    shop.write("name: shop\nservices: {web: {image: fine, healthcheck: {test: 'true'}}}")
    shop("up", "-d").ok()
    shop.change("image: fine", "image: sick")
    said = shop("up", "-d").failed()
    assert "error: apply-failed" in said.err
    assert "the door is stuck" in said.err
    assert "the earlier version serves again: web" in said.err
    assert "fine" in shop("ps").ok().out


def test_a_stack_that_another_program_changes_is_busy(shop: Shell, tmp_path: Path) -> None:
    shop("up", "-d").ok()
    (lock,) = (tmp_path / "locks").iterdir()
    handle = os.open(lock, os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        assert "error: stack-busy" in shop("up", "-d", "--no-wait").failed(75).err
    finally:
        os.close(handle)


def test_down_leaves_nothing_but_volumes(shop: Shell) -> None:
    shop.write("name: shop\nservices: {db: {image: db, volumes: ['data:/data']}}\nvolumes: {data: {}}")
    shop("up", "-d").ok()
    said = shop("down").ok()
    assert " Network shop_default Removed\n" in said.err
    assert "Volume" not in said.err
    assert "" == shop("ps", "-aq").ok().out
    assert " Volume shop_data Removed\n" in shop("down", "-v").ok().err


def test_a_protected_volume_outweighs_down_v(shop: Shell) -> None:
    """Refused before anything is touched, not after the containers are gone."""
    volumes = "volumes: {data: {}, keep: {x-stack: {protect: true}}}"
    shop.write(f"name: shop\nservices: {{db: {{image: db, volumes: ['data:/data', 'keep:/keep']}}}}\n{volumes}")
    shop("up", "-d").ok()
    said = shop("down", "-v").failed()
    assert "error: volume-protected\n  app.yml:3:47, volumes.keep.x-stack.protect: " in said.err
    assert ["db"] == services(shop)
    said = shop("down").ok()
    assert "Volume" not in said.err
    shop.change("protect: true", "protect: false")
    assert " Volume shop_keep Removed\n" in shop("down", "-v").ok().err


def test_without_the_file_down_v_takes_the_volumes_but_for_those_it_protected(shop: Shell) -> None:
    """Compose removes every volume with the stack's label then. What was protected is known from the history."""
    shop.write(
        "name: shop\nservices: {db: {image: db, volumes: ['data:/data']}}\nvolumes: {data: {x-stack: {protect: true}}}"
    )
    shop("up", "-d").ok()
    text = (shop.folder / "app.yml").read_text()
    (shop.folder / "app.yml").unlink()
    assert "error: volume-protected" in shop("-p", "shop", "down", "-v").failed().err
    shop("-p", "shop", "down").ok()
    assert "error: volume-protected" in shop("-p", "shop", "down", "-v").failed().err
    shop.write(text.replace("protect: true", "protect: false"))
    shop("up", "-d").ok()
    (shop.folder / "app.yml").unlink()
    assert " Volume shop_data Removed\n" in shop("-p", "shop", "down", "-v").ok().err


def test_down_needs_no_file_when_the_stack_is_named(shop: Shell) -> None:
    shop("up", "-d").ok()
    (shop.folder / "app.yml").unlink()
    assert "error: no-file" in shop("down").failed(2).err
    shop("-p", "shop", "down").ok()
    assert "" == shop("-p", "shop", "ps", "-aq").ok().out


def test_down_of_some_services_by_the_stack_s_name_alone_leaves_the_others(shop: Shell) -> None:
    """What needs a service goes down with it, as in Compose, and nothing else does."""
    shop.write((shop.folder / "app.yml").read_text() + "  cache: {image: cache}\n")
    shop("up", "-d").ok()
    (shop.folder / "app.yml").unlink()
    shop("-p", "shop", "down", "ca*").ok()
    assert ["db", "web"] == services(shop, "-a", "-p", "shop")
    assert "no such service: nothere" in shop("-p", "shop", "down", "nothere").failed(1).err
    shop("-p", "shop", "down", "db").ok()
    assert [] == services(shop, "-a", "-p", "shop")


def test_what_cannot_be_kept_in_mind_keeps_nobody_from_stopping(shop: Shell) -> None:
    """A full disk, or a file in the way."""
    shop("up", "-d").ok()
    folder = Path(shop.environment["STACK_STATE_DIR"])
    (folder / "intents").write_text("in the way")
    for command in ("stop", "down"):
        assert "warning: what is stopped on purpose could not be kept in" in shop(command).ok().err
    assert [] == services(shop, "-a")


def test_stop_start_restart_kill_and_rm(shop: Shell) -> None:
    shop("up", "-d").ok()
    stopped = shop("stop").ok().err
    assert stopped.index("shop-web-1 Stopped") < stopped.index("shop-db-1 Stopping"), "dependents stop first"
    assert [] == services(shop)
    started = shop("start").ok().err
    assert started.index("shop-db-1 Started") < started.index("shop-web-1 Starting"), "dependencies start first"
    assert "shop-web-1 Started" in shop("restart", "web").ok().err
    assert "shop-db-1 Killed" in shop("kill", "db").ok().err
    assert ["db", "web"] == services(shop, "-a")
    shop("stop").ok()
    assert "shop-db-1 Removed" in shop("rm", "-f", "db").ok().err
    assert ["web"] == services(shop, "-a")


def test_rm_asks_first(shop: Shell) -> None:
    shop("up", "-d").ok()
    shop("stop").ok()
    assert "Going to remove shop-db-1, shop-web-1" in shop("rm", stdin="n\n").ok().err
    assert ["db", "web"] == services(shop, "-a")
    shop("rm", stdin="y\n").ok()
    assert [] == services(shop, "-a")
    assert "No stopped containers\n" == shop("rm", "-f").ok().err


def test_services_may_be_named_by_pattern(shop: Shell) -> None:
    shop("up", "-d").ok()
    shop("stop", "w*").ok()
    assert ["db"] == services(shop)


def test_create_starts_nothing(shop: Shell) -> None:
    shop("create").ok()
    assert [] == services(shop)
    assert ["db", "web"] == services(shop, "-a")


def test_progress_as_json_has_composes_keys(shop: Shell) -> None:
    lines = [json.loads(line) for line in shop("--progress", "json", "up", "-d").ok().err.splitlines()]
    assert {"id": "Container shop-web-1", "status": "Done", "text": "Started"} in lines
    assert {"id": "Image web:1", "status": "Working", "text": "Pulling"} in lines


def test_quiet_progress_says_nothing(shop: Shell) -> None:
    assert "" == shop("--progress", "quiet", "up", "-d").ok().err
    shop.set("COMPOSE_PROGRESS", "quiet")
    assert "" == shop("down").ok().err


def test_the_host_key_is_private_and_stays(shop: Shell, tmp_path: Path) -> None:
    shop("up", "-d").ok()
    path = tmp_path / "state" / "key"
    assert 0o600 == path.stat().st_mode & 0o777
    assert path.read_bytes() == state.host_key({"STACK_STATE_DIR": str(tmp_path / "state")})


def test_a_damaged_key_is_an_error_and_not_a_new_key(shop: Shell, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "key").write_bytes(b"short")
    assert "error: host-key" in shop("up", "-d").failed().err
