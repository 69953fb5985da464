"""Going back to an earlier revision: its images, its settings, and honesty about what cannot be had as it was."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.engines.memory import Behaviour
from orchestrator.model.observed import Health, ObservedImage, ObservedState
from tests.cli.conftest import RUNNING, Shell
from tests.cli.test_history import history
from tests.cli.test_plan import SCHEMA as PLAN_SCHEMA


def world(shell: Shell) -> Path:
    return Path(shell.environment["STACK_ENGINE"].partition(":")[2])


def edit(shell: Shell, change: Callable[[ObservedState], ObservedState]) -> None:
    """Somebody does something to the engine behind our back."""
    path = world(shell)
    path.write_bytes(pickle.dumps(change(pickle.loads(path.read_bytes()))))


def images(shell: Shell) -> dict[str, str]:
    """What each running container was made from."""
    state: ObservedState = pickle.loads(world(shell).read_bytes())
    return {container.name: container.image_id for container in state.containers}


def move_tag(shell: Shell, name: str, image_id: str) -> None:
    """A pull or a build by hand: the name stands for another image, the former one stays without a name."""

    def move(state: ObservedState) -> ObservedState:
        former = state.images[name]
        new = replace(former, id=image_id, digests=())
        return replace(state, images={**state.images, former.id: former, name: new})

    edit(shell, move)


def prune(shell: Shell, *, everything: bool = False) -> None:
    """`docker image prune`: what has no name goes; with -a what no container uses."""

    def gone(state: ObservedState, name: str, image: ObservedImage) -> bool:
        used = any(container.image_id == image.id for container in state.containers)
        return not used and (everything or name == image.id)

    edit(shell, lambda s: replace(s, images={n: i for n, i in s.images.items() if not gone(s, n, i)}))


def names(shell: Shell) -> list[str]:
    state: ObservedState = pickle.loads(world(shell).read_bytes())
    return sorted(name for name in state.images if name.startswith("stack-revision"))


def test_back_to_the_very_image_although_its_tag_has_moved_on_and_images_were_pruned(shop: Shell) -> None:
    shop("up", "-d").ok()
    move_tag(shop, "web:1", "sha256:web-new")
    shop("up", "-d").ok()
    assert "sha256:web-new" == images(shop)["shop-web-1"]
    prune(shop)
    said = shop("rollback").ok()
    assert {"shop-db-1": "sha256:db:1:pulled", "shop-web-1": "sha256:web:1:pulled"} == images(shop)
    assert "revision 1 serves again" in said.err
    latest = history(shop)[0]
    assert ("rollback", 1, "applied") == (latest["command"], latest["returns_to"], latest["outcome"])


def test_settings_replicas_and_services_come_back_and_later_services_go(shop: Shell) -> None:
    shop("up", "-d", "--scale", "web=2").ok()
    shop.change("LOG_LEVEL: info", "LOG_LEVEL: debug")
    shop.write((shop.folder / "app.yml").read_text() + "  cache: {image: cache}\n")
    shop("up", "-d", "--scale", "web=1").ok()
    assert "shop-cache-1: removed" in shop("rollback", "1").failed(2).err, "nobody is there to agree"
    assert 3 == len(images(shop))
    shop("rollback", "1", "--yes").ok()
    assert ["shop-db-1", "shop-web-1", "shop-web-2"] == sorted(images(shop))
    assert "nothing to do: revision 1 serves" in shop("rollback", "1").ok().err


def test_the_plan_is_shown_and_a_dry_run_changes_nothing(shop: Shell) -> None:
    import jsonschema

    shop("up", "-d").ok()
    shop.change("LOG_LEVEL: info", "LOG_LEVEL: debug")
    shop("up", "-d").ok()
    before = world(shop).read_bytes()
    assert "environment.LOG_LEVEL: debug -> info" in shop("--dry-run", "rollback").ok().out
    jsonschema.Draft202012Validator(PLAN_SCHEMA).validate(shop("rollback", "--dry-run", "--json").ok().json)
    assert before == world(shop).read_bytes()
    assert "environment.LOG_LEVEL: debug -> info" in shop("rollback").ok().out


def test_the_file_is_what_counts_afterwards_and_that_is_said(shop: Shell) -> None:
    shop("up", "-d").ok()
    shop.change("LOG_LEVEL: info", "LOG_LEVEL: debug")
    shop("up", "-d").ok()
    said = shop("rollback").ok()
    assert "what the file says comes back with the next `stack up`" in said.err
    planned = shop("plan").ok().out
    assert "environment.LOG_LEVEL: info -> debug" in planned
    assert "revision 1 serves since a rollback (revision 3); this brings about what the file says" in planned
    assert "since a rollback (revision 3)" in shop("up", "-d").ok().err
    assert RUNNING == shop("up", "-d").ok().err


def test_once_more_goes_one_further_back(shop: Shell) -> None:
    """Coming back to what was just left would bring back what was wrong with it."""
    for level in ("info", "debug", "trace"):
        shop.write(f"name: shop\nservices: {{web: {{image: i, environment: {{LEVEL: {level}}}}}}}")
        shop("up", "-d").ok()
    assert "LEVEL: trace -> debug" in shop("rollback").ok().out
    assert "LEVEL: debug -> info" in shop("rollback").ok().out
    assert "none before it" in shop("rollback").failed().err
    assert "LEVEL: info -> trace" in shop("rollback", "3").ok().out


def test_after_down_it_brings_back_what_ran(shop: Shell) -> None:
    shop("up", "-d").ok()
    shop("down").ok()
    (shop.folder / "app.yml").unlink()
    prune(shop)
    assert "error: revision-unusable" in shop("-p", "shop", "rollback", "2").failed().err
    said = shop("-p", "shop", "rollback").failed().err
    assert "secrets that are nowhere to be found now: services.db.environment.PASSWORD" in said, "no file, no container"
    assert {} == images(shop)


def test_after_down_the_files_still_have_the_secrets(shop: Shell) -> None:
    shop("up", "-d").ok()
    shop("down").ok()
    shop("rollback").ok()
    assert ["shop-db-1", "shop-web-1"] == sorted(images(shop))
    assert RUNNING == shop("up", "-d").ok().err, "with the same password as in the file"


def test_without_the_file_the_running_containers_have_the_secrets(shop: Shell) -> None:
    shop("up", "-d").ok()
    shop.change("LOG_LEVEL: info", "LOG_LEVEL: debug")
    shop("up", "-d").ok()
    text = (shop.folder / "app.yml").read_text()
    (shop.folder / "app.yml").unlink()
    shop("-p", "shop", "rollback").ok()
    shop.write(text.replace("LOG_LEVEL: debug", "LOG_LEVEL: info"))
    assert RUNNING == shop("up", "-d").ok().err, "with the same password as in the file"


def test_a_secret_that_was_changed_since_is_taken_as_it_is_now_and_said(shop: Shell) -> None:
    """The database's password was rotated: the earlier version has to know the new one."""
    shop("up", "-d").ok()
    shop.change("hunter2hunter2", "rotatedrotated")
    shop.change("LOG_LEVEL: info", "LOG_LEVEL: debug")
    shop("up", "-d").ok()
    said = shop("rollback").failed(2).err
    assert "services.db.environment.PASSWORD: not what revision 1 had; the present value is used" in said
    assert "hunter2" not in said
    assert "replace db" not in shop("rollback", "--yes").ok().out
    shop.change("LOG_LEVEL: debug", "LOG_LEVEL: info")
    assert RUNNING == shop("up", "-d").ok().err


def test_without_the_file_a_changed_secret_is_that_of_the_running_container(shop: Shell) -> None:
    shop("up", "-d").ok()
    shop.change("hunter2hunter2", "rotatedrotated")
    shop("up", "-d").ok()
    shop.change("rotatedrotated", "othersecret")
    text = (shop.folder / "app.yml").read_text()
    (shop.folder / "app.yml").write_text("this: [is broken")
    said = shop("-p", "shop", "rollback", "-y").ok().err
    assert "services.db.environment.PASSWORD: not what revision 1 had; the present value is used" in said
    assert "nothing to do: revision 1 serves" in said
    shop.write(text.replace("othersecret", "rotatedrotated"))
    assert " Container shop-db-1 Running\n Container shop-web-1 Running\n" == shop("up", "-d").ok().err


def test_the_content_of_a_config_that_was_changed_since_is_taken_as_it_is_now_and_said(shop: Shell) -> None:
    (shop.folder / "c.txt").write_text("one")
    shop.write("""
        name: shop
        services: {web: {image: "web:1", configs: [c]}}
        configs: {c: {file: c.txt}}
        """)
    shop("up", "-d").ok()
    shop.change("web:1", "web:2")
    (shop.folder / "c.txt").write_text("two")
    shop("up", "-d").ok()
    said = shop("rollback").failed(2).err
    assert "configs.c: its content is not known to be what revision 1 had; the present one is used" in said
    shop("rollback", "-y").ok()
    assert {"shop-web-1": "sha256:web:1:pulled"} == images(shop)


def test_external_secrets_come_from_the_host_s_store_again(shop: Shell, tmp_path: Path) -> None:
    shelf = tmp_path / "store" / "secrets"
    shelf.mkdir(parents=True)
    (shelf / "pw").write_text("in the store")
    (shelf / "pw").chmod(0o600)
    shop.set("STACK_STORE", str(tmp_path / "store"))
    shop.write("name: shop\nservices: {web: {image: 'web:1', secrets: [pw]}}\nsecrets: {pw: {external: true}}")
    shop("up", "-d").ok()
    shop.change("web:1", "web:2")
    shop("up", "-d").ok()
    shop("rollback").ok()
    assert {"shop-web-1": "sha256:web:1:pulled"} == images(shop)


def test_a_front_end_and_what_stands_behind_it_come_back_together(shop: Shell) -> None:
    shop.write("""
        name: shop
        services:
          web: {image: "web:1", ports: ["8080:80"], deploy: {replicas: 2, endpoint_mode: vip}}
        """)
    shop("up", "-d").ok()
    shop.change("web:1", "web:2")
    shop.change("endpoint_mode: vip", "endpoint_mode: dnsrr")
    shop.change('ports: ["8080:80"], ', "")
    shop("up", "-d", "--remove-orphans").ok()
    assert ["shop-web-1", "shop-web-2"] == sorted(images(shop))
    shop("rollback").ok()
    assert ["shop-web-1", "shop-web-2", "shop-web-front-1"] == sorted(images(shop))
    assert "sha256:web:1:pulled" == images(shop)["shop-web-1"]


def test_a_config_that_is_gone_is_a_refusal_before_anything_is_touched(shop: Shell) -> None:
    (shop.folder / "c.txt").write_text("one")
    shop.write("name: shop\nservices: {web: {image: 'web:1', configs: [c]}}\nconfigs: {c: {file: c.txt}}")
    shop("up", "-d").ok()
    shop.write("name: shop\nservices: {web: {image: 'web:2'}}")
    shop("up", "-d").ok()
    (shop.folder / "c.txt").unlink()
    said = shop("rollback").failed().err
    assert "revision 1 cannot be had again" in said
    assert "c.txt" in said
    assert {"shop-web-1": "sha256:web:2:pulled"} == images(shop)


def test_an_image_that_is_gone_everywhere_is_a_refusal_before_anything_is_touched(shop: Shell) -> None:
    shop("up", "-d").ok()
    shop.change("web:1", "web:2")
    shop("up", "-d").ok()
    prune(shop, everything=True)
    said = shop("rollback").failed().err
    assert "error: image-gone" in said
    assert "web: web:1 (sha256:web:1:pulled)" in said
    assert "sha256:web:2:pulled" == images(shop)["shop-web-1"]


def test_a_revision_that_never_served_is_no_target(shop: Shell) -> None:
    shop.write("name: shop\nservices: {web: {image: fine, healthcheck: {test: 'true'}}}")
    shop("up", "-d").ok()
    shop.change("image: fine", "image: sick")
    shop("up", "-d").failed()
    assert "revision 2 never served: its run failed" in shop("rollback", "2").failed().err


def test_a_rollback_that_fails_says_what_serves_and_is_not_rolled_back_further(
    shop: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What serves keeps its place; no third version is tried."""
    shop.write("name: shop\nservices: {web: {image: first, healthcheck: {test: 'true'}}}")
    shop("up", "-d").ok()
    shop.change("image: first", "image: second")
    shop("up", "-d").ok()
    shop.change("image: second", "image: third")
    shop("up", "-d").ok()
    now_sick = {"second": Behaviour(health=Health.UNHEALTHY, log="the door is stuck")}
    monkeypatch.setattr("orchestrator.cli.rehearsal._behaviours", lambda: now_sick)
    said = shop("rollback").failed().err
    assert "revision 3 serves\n" in said
    assert {"shop-web-1": "sha256:third:pulled"} == images(shop)
    assert ["failed", "applied", "applied", "applied"] == [one["outcome"] for one in history(shop)]


def test_images_are_kept_by_a_name_as_long_as_a_revision_may_need_them(shop: Shell) -> None:
    shop.set("STACK_HISTORY_IMAGES", "3")
    shop("up", "-d").ok()
    assert [] == names(shop), "what serves is held by its containers"
    for version in (2, 3, 4):
        shop.change(f"web:{version - 1}", f"web:{version}")
        shop("up", "-d").ok()
        assert min(version - 1, 2) == len(names(shop))
    shop("down", "--rmi", "all").ok()
    assert [] == names(shop)


def test_what_down_leaves_behind_can_be_gone_back_to(shop: Shell) -> None:
    shop("up", "-d").ok()
    shop("down").ok()
    move_tag(shop, "web:1", "sha256:web-new")
    prune(shop)
    shop("rollback").ok()
    assert "sha256:web:1:pulled" == images(shop)["shop-web-1"]
