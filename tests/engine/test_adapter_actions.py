"""Actions on a real engine: each does what it says, is done when it already is so, and explains a refusal."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.errors import Conflict, EngineError, ImageUnavailable, NotFound
from orchestrator.model import naming, shipment
from orchestrator.model.actions import (
    ConnectNetwork,
    ContainerRef,
    CreateContainer,
    DisconnectNetwork,
    HookKind,
    KillContainer,
    PauseContainer,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RemoveVolume,
    RenameContainer,
    RestartContainer,
    RunHook,
    StartContainer,
    StopContainer,
    UnpauseContainer,
    UpdateContainer,
)
from orchestrator.model.observed import State
from orchestrator.model.stack import Hook
from orchestrator.model.values import (
    Attachment,
    FileGrant,
    FileKind,
    Mount,
    MountType,
    Port,
    Resources,
    RestartPolicy,
)
from tests.conftest import free_port
from tests.support.adapter import World, shell, sleeping
from tests.support.engines import Engine
from tests.support.waiting import eventually

ALONE = {"network_mode": "none"}


@pytest.fixture
def here(engine: Engine) -> World:  # type: ignore[misc]
    """One stack on the main engine, for what does not depend on the engine's version."""
    made = World(engine, f"adapter-{free_port()}")
    yield made
    made.close()


def test_done_things_are_done_again_without_a_change(world: World) -> None:
    network, volume = world.network(), world.volume()
    ref = world.run(
        sleeping(mounts=(Mount(MountType.VOLUME, "/d", volume, key="data"),)), networks={network: Attachment()}
    )
    before = world.container()
    for action in (
        StartContainer(container=ref),
        ConnectNetwork(container=ref, network=network),
        UpdateContainer(container=ref, restart=RestartPolicy("no")),
        UnpauseContainer(container=ref),
        RenameContainer(container=ref, new_name=ref.name),
    ):
        assert world.do(action) == ""
    world.network()
    world.volume()

    assert world.container() == before
    for _ in range(2):
        world.do(DisconnectNetwork(container=ref, network=network))
        world.do(KillContainer(container=ref))
        eventually(lambda: not world.container().running)
        world.do(StopContainer(container=ref))
    for _ in range(2):
        world.do(RemoveContainer(container=ref))
        world.do(StopContainer(container=ref))
        world.do(RemoveNetwork(name=network))
        world.do(RemoveVolume(name=volume))
    assert world.engine.census(world.stack).empty


def test_a_create_whose_reply_was_lost_is_adopted(world: World) -> None:
    creation = world.creation(sleeping(**ALONE))
    world.do(creation)
    made = world.container().id

    assert world.do(creation) == ""
    assert world.container().id == made


def test_a_container_of_another_fingerprint_is_not_adopted(world: World) -> None:
    world.do(world.creation(sleeping(**ALONE)))
    with pytest.raises(Conflict) as refused:
        world.do(world.creation(sleeping(**ALONE), fingerprint="e" * 64))

    assert refused.value.ref == "name-taken"
    assert f'of stack "{world.stack}"' in refused.value.message


def test_a_name_held_by_a_stranger_is_an_error_that_names_it(world: World) -> None:
    foreign = world.engine.run(world.ref().name, start=False)
    try:
        with pytest.raises(Conflict) as refused:
            world.create(sleeping(**ALONE))
        assert foreign[:12] in refused.value.message
        assert "docker rename" in refused.value.hint
        assert world.engine.inspect(foreign)
    finally:
        world.engine.api.delete(f"/containers/{foreign}", force=True)


def test_an_image_that_is_not_there_is_named(world: World) -> None:
    with pytest.raises(ImageUnavailable) as refused:
        world.create(sleeping(image="nobody/has-this:1", **ALONE))

    assert "nobody/has-this:1" in refused.value.message
    assert "stack pull" in refused.value.hint


def test_a_missing_bind_source_is_an_error_unless_it_may_be_created(world: World, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing")
    with pytest.raises(EngineError) as refused:
        world.create(sleeping(mounts=(Mount(MountType.BIND, "/x", missing),), **ALONE))
    assert missing in refused.value.message
    assert "create_host_path" in refused.value.hint

    world.run(sleeping(mounts=(Mount(MountType.BIND, "/x", missing, create_host_path=True),), **ALONE))
    assert (tmp_path / "missing").is_dir()


def test_copies_are_there_with_owner_and_mode_at_the_start(world: World) -> None:
    """Whatever the container makes of its own files: a read-only root, and a tmpfs on top of the place."""
    grants = (
        FileGrant(FileKind.CONFIG, "motd", "/etc/deep/motd", content=b"hello\n"),
        FileGrant(FileKind.SECRET, "token", "/run/secrets/token", content=b"s3cr3t", uid="7", gid="8", mode=0o440),
        FileGrant(FileKind.CONFIG, "mounted", "/etc/mounted", source="/etc/hostname"),
    )
    wanted = shell(
        "stat -c '%n %u %g %a' /etc/deep/motd /run/secrets/token; cat /etc/deep/motd; cat /run/secrets/token",
        files=grants,
        read_only=True,
        mounts=(Mount(MountType.TMPFS, "/run"),),
        **ALONE,
    )
    ship = world.shipping(wanted)
    world.do(ship)
    world.do(ship)
    ref = world.create(wanted)
    world.do(StartContainer(container=ref))

    eventually(lambda: world.container().state is State.EXITED)
    assert world.engine.logs(ref.name) == "/etc/deep/motd 0 0 444\n/run/secrets/token 7 8 440\nhello\ns3cr3t"
    assert world.container().copies == (ship.volume,)
    assert world.differences(wanted) == ()
    assert world.engine.container_names(world.stack) == [ref.name]


def test_copies_survive_the_engines_own_restarts_and_a_prune(world: World) -> None:
    wanted = sleeping(files=(FileGrant(FileKind.SECRET, "token", "/run/secrets/token", content=b"s3cr3t"),), **ALONE)
    world.do(world.shipping(wanted))
    ref = world.run(wanted)
    world.engine.api.post("/volumes/prune")
    world.engine.api.post(f"/containers/{ref.name}/restart", t=0)

    assert world.engine.exec(ref.name, "cat", "/run/secrets/token") == (0, "s3cr3t")


def test_copies_are_no_part_of_an_image_or_a_layer(world: World) -> None:
    wanted = sleeping(files=(FileGrant(FileKind.SECRET, "token", "/run/secrets/token", content=b"canary"),), **ALONE)
    world.do(world.shipping(wanted))
    ref = world.run(wanted)

    exported = world.engine.api.request("GET", f"/containers/{ref.name}/export")
    assert b"canary" not in exported
    assert "canary" not in json.dumps(world.engine.inspect(ref.name))


def test_a_filler_left_behind_makes_room(world: World) -> None:
    """The run was killed while it filled the volume."""
    wanted = sleeping(files=(FileGrant(FileKind.SECRET, "token", "/token", content=b"x"),), **ALONE)
    ship = world.shipping(wanted)
    world.engine.run(shipment.filler(ship.volume), start=False, Labels={**ship.labels, naming.HOOK: "files"})
    world.do(ship)

    assert world.engine.container_names(world.stack) == []


def test_a_stranger_with_the_fillers_name_is_left_alone(here: World) -> None:
    wanted = sleeping(files=(FileGrant(FileKind.SECRET, "token", "/token", content=b"x"),), **ALONE)
    ship = here.shipping(wanted)
    stranger = here.engine.run(shipment.filler(ship.volume), start=False)
    try:
        with pytest.raises(EngineError, match="token cannot be copied"):
            here.do(ship)
        assert here.engine.inspect(stranger)
    finally:
        here.engine.api.delete(f"/containers/{stranger}", force=True)


def test_an_anonymous_volume_is_taken_over_with_its_content(world: World) -> None:
    wanted = shell("touch /data/canary; sleep 1000", mounts=(Mount(MountType.VOLUME, "/data"),), **ALONE)
    old = world.run(wanted)
    eventually(lambda: world.engine.exec(old.name, "ls", "/data") == (0, "canary\n"))
    volumes = world.container().anonymous_volumes
    world.do(StopContainer(container=old, timeout=0))
    world.do(RemoveContainer(container=old))

    created = CreateContainer(
        container=old, settings=sleeping(mounts=(Mount(MountType.VOLUME, "/data"),), **ALONE),
        labels=world.labels(), anonymous_volumes=volumes,
    )  # fmt: skip
    world.do(created)
    world.do(StartContainer(container=old))

    assert world.engine.exec(old.name, "ls", "/data") == (0, "canary\n")
    assert world.container().anonymous_volumes == volumes
    world.do(RemoveContainer(container=old, force=True, volumes=True))
    assert world.engine.volume(volumes["/data"]) == {}


def test_an_update_changes_limits_and_restart_policy_of_the_running_container(world: World) -> None:
    ref = world.run(sleeping(resources=Resources(memory=2**26), **ALONE))
    process = world.engine.inspect(ref.name)["State"]["Pid"]
    wanted = Resources(memory=2**27, nano_cpus=500_000_000, pids_limit=50)
    world.do(UpdateContainer(container=ref, resources=wanted, restart=RestartPolicy("on-failure", 3)))

    changed = sleeping(resources=wanted, restart=RestartPolicy("on-failure", 3), **ALONE)
    assert world.differences(changed) == ()
    assert world.engine.inspect(ref.name)["State"]["Pid"] == process


def test_memory_lowered_below_what_swap_was_is_one_update(world: World) -> None:
    ref = world.run(sleeping(resources=Resources(memory=2**27), **ALONE))
    world.do(UpdateContainer(container=ref, resources=Resources(memory=2**26)))

    assert world.differences(sleeping(resources=Resources(memory=2**26), **ALONE)) == ()


def test_pause_and_its_end(here: World) -> None:
    ref = here.run(sleeping(**ALONE))
    for _ in range(2):
        here.do(PauseContainer(container=ref))
        assert here.container().state is State.PAUSED
    for _ in range(2):
        here.do(UnpauseContainer(container=ref))
        assert here.container().state is State.RUNNING


def test_a_restart_is_a_new_process_in_the_same_container(here: World) -> None:
    ref = here.run(sleeping(**ALONE))
    before = here.engine.inspect(ref.name)
    here.do(RestartContainer(container=ref, timeout=0))
    after = here.engine.inspect(ref.name)

    assert before["Id"] == after["Id"]
    assert before["State"]["Pid"] != after["State"]["Pid"]


def test_a_rename_to_a_name_that_is_held_names_the_holder(here: World) -> None:
    holder = here.run(sleeping(**ALONE), "db")
    ref = here.run(sleeping(**ALONE))
    with pytest.raises(Conflict) as refused:
        here.do(RenameContainer(container=ref, new_name=holder.name))

    assert refused.value.ref == "name-taken"
    here.do(RenameContainer(container=ref, new_name=f"{ref.name}-other"))
    assert here.container().name == f"{ref.name}-other"


def test_a_running_container_is_not_removed_without_force(world: World) -> None:
    ref = world.run(sleeping(**ALONE))
    with pytest.raises(Conflict) as refused:
        world.do(RemoveContainer(container=ref))
    assert refused.value.ref == "container-running"

    world.do(RemoveContainer(container=ref, force=True))
    assert world.observe().containers == ()


def test_a_signal_reaches_the_process(here: World) -> None:
    ref = here.run(shell("trap 'exit 3' USR1; touch /ready; while :; do sleep 0.05; done", **ALONE))
    eventually(lambda: here.engine.exec(ref.name, "test", "-f", "/ready")[0] == 0)
    here.do(KillContainer(container=ref, signal="SIGUSR1"))
    assert eventually(lambda: here.container().exit_code) == 3
    with pytest.raises(EngineError, match="SIGUSR1"):
        here.do(KillContainer(container=ref, signal="SIGUSR1"))


def test_a_stop_waits_the_containers_own_grace_and_no_longer(here: World) -> None:
    """A process that ignores the signal is killed by the engine after the grace period."""
    stubborn = shell(
        "trap '' TERM; while :; do sleep 0.1; done", stop_signal="SIGTERM", stop_grace_period_ns=10**9, **ALONE
    )
    ref = here.run(stubborn)
    here.do(StopContainer(container=ref))

    assert here.container().exit_code == 137


def test_what_cannot_start_says_why(world: World) -> None:
    ref = world.create(sleeping(command=("no-such-program",), **ALONE))
    with pytest.raises(EngineError) as refused:
        world.do(StartContainer(container=ref))

    assert ref.name in refused.value.message
    assert "no-such-program" in refused.value.message


def test_a_missing_container_is_not_found(here: World) -> None:
    for action in (StartContainer(container=here.ref()), PauseContainer(container=here.ref())):
        with pytest.raises(NotFound):
            here.do(action)


def test_a_port_of_another_stack_is_explained_by_its_holder(world: World) -> None:
    port = str(free_port())
    network = world.network()
    holder = world.run(sleeping(ports=(Port(80, port),)), "holder", {network: Attachment()})
    ref = world.create(sleeping(ports=(Port(80, port),)), networks={network: Attachment()})
    with pytest.raises(Conflict) as refused:
        world.do(StartContainer(container=ref))

    assert refused.value.ref == "port-taken"
    assert f"host port {port}" in refused.value.message
    assert f'container "{holder.name}" of stack "{world.stack}"' in refused.value.message
    assert "stack down" in refused.value.hint


def test_a_port_of_a_process_on_the_host_is_explained_by_the_process(here: World) -> None:
    """The main engine and this test share a network namespace."""
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        port = listener.getsockname()[1]
        ref = here.create(sleeping(ports=(Port(80, str(port)),)), networks={here.network(): Attachment()})
        with pytest.raises(Conflict) as refused:
            here.do(StartContainer(container=ref))
    assert f"host port {port}" in refused.value.message
    assert "process " in refused.value.message

    here.do(StartContainer(container=ref))
    assert here.container().state is State.RUNNING


def test_a_stale_place_on_a_network_that_is_gone_can_be_left(world: World) -> None:
    """A stopped container keeps it, and cannot be started before it is given up."""
    network = world.network()
    ref = world.run(sleeping(), networks={network: Attachment(aliases=("shop",))})
    world.do(StopContainer(container=ref, timeout=0))
    world.do(RemoveNetwork(name=network))
    world.network()
    stale = world.container().endpoints[0].network_id
    assert stale != world.engine.network(network)["Id"]

    world.do(DisconnectNetwork(container=ref, network=stale))
    world.do(ConnectNetwork(container=ref, network=network, attachment=Attachment(aliases=("shop",))))
    world.do(StartContainer(container=ref))
    [endpoint] = world.container().endpoints
    assert endpoint.network_id == world.engine.network(network)["Id"]
    assert endpoint.aliases == ("shop",)
    assert endpoint.named


def test_a_replacement_answers_to_the_final_name(world: World) -> None:
    network, fingerprint = world.network(), "0123456789ab" + "c" * 52
    name = naming.replacement(world.ref().name, fingerprint)
    ref = ContainerRef(name, service="web", slot=1)
    created = CreateContainer(
        container=ref,
        settings=sleeping(),
        networks={network: Attachment()},
        labels=world.labels(fingerprint=fingerprint),
    )
    world.do(created)
    world.do(StartContainer(container=ref))
    assert world.ref().name in world.engine.inspect(name)["NetworkSettings"]["Networks"][network]["Aliases"]
    assert world.container().endpoints[0].aliases == ()

    world.do(RenameContainer(container=ref, new_name=world.ref().name))
    assert world.container().endpoints[0].aliases == ()
    assert world.container().endpoints[0].named


def test_a_network_of_a_stranger_is_not_taken_for_ours(world: World) -> None:
    name = f"{world.stack}_default"
    world.engine.api.post("/networks/create", {"Name": name})
    try:
        with pytest.raises(Conflict) as refused:
            world.network()
        assert "external: true" in refused.value.hint
    finally:
        world.engine.api.delete(f"/networks/{name}")


def test_overlapping_addresses_name_the_network_that_has_them(world: World) -> None:
    first = world.subnet("first", "10.201.88.0/24")
    with pytest.raises(EngineError) as refused:
        world.subnet("second", "10.201.88.128/25")

    assert first in refused.value.hint


def test_a_network_in_use_names_its_users(world: World) -> None:
    network = world.network()
    ref = world.run(sleeping(), networks={network: Attachment()})
    with pytest.raises(Conflict) as refused:
        world.do(RemoveNetwork(name=network))

    assert ref.name in refused.value.message


def test_a_volume_in_use_names_its_users(world: World) -> None:
    volume = world.volume()
    ref = world.create(sleeping(mounts=(Mount(MountType.VOLUME, "/d", volume, key="data"),), **ALONE))
    with pytest.raises(Conflict) as refused:
        world.do(RemoveVolume(name=volume))

    assert ref.name in refused.value.message
    assert world.engine.volume(volume)


def test_an_image_in_use_stays_and_an_absent_one_is_gone_already(here: World) -> None:
    here.engine.api.post("/images/busybox:stable/tag", repo="adapter-actions", tag="1")
    here.do(RemoveImage(reference="adapter-actions:1"))
    here.do(RemoveImage(reference="adapter-actions:1"))
    assert here.engine.image("adapter-actions:1") == {}


@pytest.mark.parametrize("kind", [HookKind.POST_START, HookKind.PRE_STOP])
def test_a_hook_inside_runs_with_its_own_settings(world: World, kind: HookKind) -> None:
    ref = world.run(sleeping(**ALONE))
    hook = Hook(
        command=("sh", "-c", 'echo "$WHO $(id -u) $(pwd)" > /tmp/said'),
        user="7",
        working_dir="/bin",
        environment={"WHO": "me"},
    )
    world.do(RunHook(container=ref, kind=kind, hook=hook))

    assert world.engine.exec(ref.name, "cat", "/tmp/said") == (0, "me 7 /bin\n")


def test_a_failed_hook_shows_what_it_said(world: World) -> None:
    ref = world.run(sleeping(**ALONE))
    with pytest.raises(EngineError) as refused:
        world.do(
            RunHook(container=ref, kind=HookKind.POST_START, hook=Hook(command=("sh", "-c", "echo no luck; exit 4")))
        )

    assert refused.value.ref == "hook-failed"
    assert "exited with status 4" in refused.value.message
    assert "no luck" in refused.value.message


def test_a_hook_beside_shares_the_volumes_and_goes_when_it_is_done(world: World) -> None:
    settings = sleeping(
        mounts=(Mount(MountType.VOLUME, "/data", world.volume(), key="data"),), ports=(Port(80, "23499"),)
    )
    network = {world.network(): Attachment()}
    ref = world.create(settings, networks=network)
    hook = Hook(command=("sh", "-c", "echo migrated > /data/state"))
    run = RunHook(
        container=ref, kind=HookKind.PRE_START, hook=hook, settings=settings, networks=network, labels=world.labels()
    )
    world.do(run)
    world.do(StartContainer(container=ref))

    assert world.engine.exec(ref.name, "cat", "/data/state") == (0, "migrated\n")
    assert [ref.name] == [container.name for container in world.observe().containers]


def test_a_failed_hook_beside_is_kept_for_a_look_and_replaced_by_the_next_run(world: World) -> None:
    ref = world.create(sleeping(**ALONE))

    def run(script: str) -> RunHook:
        hook = Hook(command=("sh", "-c", script))
        return RunHook(
            container=ref, kind=HookKind.PRE_START, hook=hook, settings=sleeping(**ALONE), labels=world.labels()
        )

    with pytest.raises(EngineError) as refused:
        world.do(run("echo broken; exit 5"))
    assert "exited (5)" in refused.value.message
    assert "broken" in refused.value.message
    kept = [container for container in world.observe().containers if container.hook]
    assert [HookKind.PRE_START] == [container.hook for container in kept]

    world.do(run("true"))
    assert [] == [container for container in world.observe().containers if container.hook]


def test_two_creates_of_one_network_make_one(engine: Engine) -> None:
    """Engines before API 1.44 check and create in two moments."""
    from concurrent.futures import ThreadPoolExecutor

    world = World(engine, "adapter-twins")
    calls: list[Callable[[], str]] = [world.network] * 6
    try:
        with ThreadPoolExecutor(6) as pool:
            list(pool.map(lambda call: call(), calls))
        assert len(engine.networks(world.stack)) == 1
    finally:
        world.close()


def test_removals_of_one_container_at_once_all_succeed(world: World) -> None:
    """Whoever comes second is told that a removal is in progress, and waits for it."""
    from concurrent.futures import ThreadPoolExecutor

    for round_number in range(3):
        ref = world.run(sleeping(**ALONE), f"s{round_number}")
        with ThreadPoolExecutor(6) as pool:
            said = list(pool.map(lambda _, ref=ref: world.do(RemoveContainer(container=ref, force=True)), range(6)))
        assert said == [""] * 6
        assert world.engine.inspect(ref.name) == {}
