"""One look at a real engine: what is the stack's, what it only names, who holds its names, what changed by hand."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.model import naming
from orchestrator.model.actions import ContainerRef, CreateContainer, StopContainer
from orchestrator.model.observed import Health, Scope, State
from orchestrator.model.values import Attachment, Healthcheck, Mount, MountType, Resources
from tests.support.adapter import IMAGE, World, shell, sleeping
from tests.support.waiting import eventually

ALONE = {"network_mode": "none"}
SECOND = 10**9


def test_an_empty_engine_is_an_empty_state_with_facts(world: World) -> None:
    state = world.observe(images={"nobody/has:this"}, networks={"no-such"}, volumes={"no-such"}, containers={"no-such"})

    assert (state.containers, state.networks, state.volumes) == ((), (), ())
    assert (dict(state.images), dict(state.name_holders)) == ({}, {})
    assert state.engine.kind == "docker"
    assert state.engine.local
    assert state.engine.id
    assert tuple(int(part) for part in state.engine.api_version.split(".")) == world.engine.version
    assert state.now_ns > 0


def test_who_and_what_a_container_is(world: World) -> None:
    world.run(shell("exit 3", **ALONE))
    found = eventually(lambda: world.container() if not world.container().running else None)
    assert found is not None
    raw = world.engine.inspect(world.ref().name)

    assert (found.id, found.name) == (raw["Id"], world.ref().name)
    assert (found.service, found.slot, found.oneoff, found.hook) == ("web", 1, False, "")
    assert (found.state, found.exit_code, found.health) == (State.EXITED, 3, Health.NONE)
    assert found.image == IMAGE
    assert found.image_id == raw["Image"] == world.observe().images[IMAGE].id
    assert found.started_at == raw["State"]["StartedAt"]
    assert found.finished_at == raw["State"]["FinishedAt"]
    assert found.status.startswith("Exited (3)")
    assert found.labels[naming.IMAGE] == found.image_id
    assert found.fingerprint == "f" * 64


def test_a_container_that_never_ran_knows_its_networks(world: World) -> None:
    """The engine fills in ids of networks at the first start only."""
    network = world.network()
    world.create(sleeping(), networks={network: Attachment()})
    [endpoint] = world.container().endpoints

    assert endpoint.network_id == world.engine.network(network)["Id"]
    assert world.container().started_at == ""


def test_health_is_told_with_and_without_details(world: World) -> None:
    check = Healthcheck(("CMD", "true"), SECOND // 5)
    world.run(sleeping(healthcheck=check, **ALONE))
    eventually(lambda: world.container().health is Health.HEALTHY)
    brief = world.adapter.observe(Scope(stack=world.stack, details=False))

    [found] = brief.containers
    assert (found.health, found.state, found.service, found.slot) == (Health.HEALTHY, State.RUNNING, "web", 1)
    assert found.settings is None


def test_an_exit_code_is_told_without_details(world: World) -> None:
    world.run(shell("exit 5", **ALONE))
    eventually(lambda: not world.container().running)
    [found] = world.adapter.observe(Scope(stack=world.stack, details=False)).containers

    assert (found.state, found.exit_code) == (State.EXITED, 5)


def test_a_foreign_holder_of_a_needed_name_is_found_and_own_containers_are_none(world: World) -> None:
    mine = world.create(sleeping(**ALONE))
    name = f"{world.stack}.held"
    foreign = world.engine.run(name, start=False)
    try:
        state = world.observe(containers={name, mine.name, f"{world.stack}-held"})
        assert [(name, foreign)] == [(key, holder.id) for key, holder in state.name_holders.items()]
    finally:
        world.engine.api.delete(f"/containers/{foreign}", force=True)


def test_external_networks_and_volumes_are_found_by_their_exact_names(world: World) -> None:
    names = [f"{world.stack}-shared", f"{world.stack}-shared-too"]
    for name in names:
        world.engine.api.post("/networks/create", {"Name": name})
        world.engine.api.post("/volumes/create", {"Name": name})
    try:
        state = world.observe(networks={names[0], "bridge"}, volumes={names[0]})
        assert {names[0], "bridge"} == {network.name for network in state.networks}
        assert [(names[0], "", False)] == [(volume.name, volume.key, volume.owned) for volume in state.volumes]
        assert not any(network.owned for network in state.networks)
    finally:
        for name in names:
            world.engine.api.delete(f"/networks/{name}")
            world.engine.api.delete(f"/volumes/{name}")


def test_networks_and_volumes_read_back_as_they_were_made(world: World) -> None:
    world.network(
        "front",
        driver_opts={"com.docker.network.bridge.enable_icc": "false"},
        internal=True,
        attachable=True,
        enable_ipv6=False,
    )
    world.volume("data", driver_opts={"type": "tmpfs", "device": "tmpfs"})
    world.run(sleeping(), networks={f"{world.stack}_front": Attachment()})
    state = world.observe()
    [network], [volume] = state.networks, state.volumes

    assert (network.key, network.owned, network.driver) == ("front", True, "bridge")
    assert dict(network.driver_opts) == {"com.docker.network.bridge.enable_icc": "false"}
    assert (network.internal, network.attachable, network.enable_ipv6) == (True, True, False)
    assert network.attached == (state.containers[0].id,)
    assert (volume.key, volume.owned, volume.driver) == ("data", True, "local")
    assert dict(volume.driver_opts) == {"type": "tmpfs", "device": "tmpfs"}


def test_two_containers_in_one_slot_are_both_seen(world: World) -> None:
    """Half a rollout: the old one, and its replacement under a longer name."""
    world.create(sleeping(**ALONE))
    fingerprint = "e" * 64
    ref = ContainerRef(naming.replacement(world.ref().name, fingerprint), service="web", slot=1)
    labels = world.labels(fingerprint=fingerprint)
    world.do(CreateContainer(container=ref, settings=sleeping(**ALONE), labels=labels))
    found = world.observe().of_service("web")

    assert [world.ref().name, ref.name] == [container.name for container in found]
    assert [1, 1] == [container.slot for container in found]


def test_one_off_containers_are_marked(world: World) -> None:
    labels = world.labels() | {naming.ONEOFF: "True"}
    world.do(CreateContainer(container=world.ref(), settings=sleeping(**ALONE), labels=labels))
    state = world.observe()

    assert [True] == [container.oneoff for container in state.containers]
    assert state.of_service("web") == ()


def test_limits_changed_by_hand_are_differences(world: World) -> None:
    wanted = sleeping(resources=Resources(memory=2**26), **ALONE)
    ref = world.run(wanted)
    body = {"Memory": 2**27, "MemorySwap": 2**28, "RestartPolicy": {"Name": "always"}}
    world.engine.api.post(f"/containers/{ref.name}/update", body)
    paths = {difference.path: difference.in_place for difference in world.differences(wanted)}

    assert paths == {"deploy.resources.limits.memory": True, "restart": True}


def test_aliases_lost_by_hand_are_seen(world: World) -> None:
    network = world.network()
    ref = world.run(sleeping(), networks={network: Attachment(aliases=("shop",))})
    path, body = f"/networks/{network}", {"Container": ref.name}
    world.engine.api.post(f"{path}/disconnect", body)
    assert world.container().endpoints == ()
    world.engine.api.post(f"{path}/connect", body)
    [endpoint] = world.container().endpoints

    assert endpoint.aliases == ()
    assert not endpoint.named


def test_a_container_renamed_by_hand_keeps_its_slot_and_its_aliases(world: World) -> None:
    ref = world.run(sleeping(), networks={world.network(): Attachment(aliases=("shop",))})
    world.engine.api.post(f"/containers/{ref.name}/rename", name=f"{world.stack}-lost")
    found = world.container()

    assert (found.name, found.slot) == (f"{world.stack}-lost", 1)
    assert found.endpoints[0].aliases == ("shop",)


def test_a_parent_that_is_gone_is_no_service_any_more(world: World) -> None:
    world.run(sleeping(), "parent", {world.network(): Attachment()})
    world.run(sleeping(network_mode="service:parent"), "child")
    world.engine.api.delete(f"/containers/{world.ref('parent').name}", force=True)
    found = world.container("child")

    assert found.settings is not None
    assert found.settings.network_mode.startswith("container:")
    assert found.peers == {}


def test_an_image_that_is_gone_leaves_its_container_readable(world: World) -> None:
    """Untagged and removed by force while the container stays."""
    tag = _committed(world, "once", {"Env": ["A=1"]})
    world.create(sleeping(image=tag, **ALONE))
    assert world.observe(images={tag}).containers[0].image_defaults is not None
    world.engine.api.delete(f"/images/{tag}", force=True)
    state = world.observe(images={tag})

    assert dict(state.images) == {}
    assert state.of_service("web")[0].settings is not None


def _committed(world: World, tag: str, configuration: dict[str, object]) -> str:
    """An image of its own, made from the base; removed with the stack."""
    source = world.engine.run(f"{world.stack}-source", start=False)
    try:
        world.engine.api.post("/commit", configuration, container=source, repo=f"{world.stack}-x", tag=tag)
    finally:
        world.engine.api.delete(f"/containers/{source}", force=True)
    return f"{world.stack}-x:{tag}"


def test_what_the_image_adds_is_told_apart(world: World) -> None:
    body = {"Env": ["FROM_IMAGE=1"], "Labels": {"of": "image"}, "ExposedPorts": {"81/tcp": {}}}
    tag = _committed(world, "rich", body | {"Volumes": {"/var/kept": {}}})
    wanted = sleeping(image=tag, environment={"MINE": "1"}, labels={"mine": "1"}, **ALONE)
    world.run(wanted)
    found = world.observe(images={tag}).containers[0]

    assert found.image_defaults is not None
    assert found.image_defaults.volumes == ("/var/kept",)
    assert found.image_defaults.environment["FROM_IMAGE"] == "1"
    assert list(found.anonymous_volumes) == ["/var/kept"]
    assert world.differences(wanted) == ()


def test_a_file_replaced_by_an_editor_is_seen_and_one_edited_in_place_is_not(world: World, tmp_path: Path) -> None:
    """Only root sees it, and only on the engine's own host: tests run so."""
    kept, replaced = tmp_path / "kept.ini", tmp_path / "with blank.ini"
    for file in (kept, replaced):
        file.write_text("1")
    mounts = (
        Mount(MountType.BIND, "/etc/kept.ini", str(kept), create_host_path=True),
        Mount(MountType.BIND, "/etc/with blank.ini", str(replaced), create_host_path=True),
        Mount(MountType.BIND, "/folder", str(tmp_path), create_host_path=True),
    )
    ref = world.run(sleeping(mounts=mounts, **ALONE))
    assert world.container().replaced_files == ()

    kept.write_text("2")
    (tmp_path / "new.ini").write_text("2")
    os.replace(tmp_path / "new.ini", replaced)
    assert world.container().replaced_files == ("/etc/with blank.ini",)

    world.do(StopContainer(container=ref, timeout=0))
    assert world.container().replaced_files == ()
