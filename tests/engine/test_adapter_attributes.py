"""Every setting of a container reaches the engine, and is read back as what it was: no difference, nothing dropped."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from orchestrator.errors import EngineError
from orchestrator.model.container import Container
from orchestrator.model.values import (
    Attachment,
    BlkioConfig,
    Device,
    DeviceRate,
    FileGrant,
    FileKind,
    Healthcheck,
    Logging,
    Mount,
    MountType,
    Port,
    Resources,
    RestartPolicy,
    Ulimit,
)
from tests.support.adapter import World, sleeping
from tests.support.engines import Engine

SECOND = 10**9
PROFILE = '{"defaultAction":"SCMP_ACT_ALLOW"}'


@dataclass(frozen=True, slots=True)
class Case:
    """``settings`` beside an image and a command; ``api``: the oldest engine API that knows them."""

    name: str
    settings: dict[str, object]
    api: tuple[int, int] = (1, 41)


def case(name: str, api: tuple[int, int] = (1, 41), **settings: object) -> Case:
    return Case(name, settings, api)


def mount(kind: MountType, target: str, source: str = "", **options: object) -> dict[str, object]:
    return {"mounts": (Mount(kind, target, source, **options),)}  # type: ignore[arg-type]


CASES = [
    case("command_with_blanks", command=("sh", "-c", "sleep 10; echo 'a b'")),
    case("entrypoint", entrypoint=("sleep",), command=("7",)),
    case("empty_entrypoint", entrypoint=(), command=("sleep", "7")),
    case("environment", environment={"A": "1", "EMPTY": "", "WITH": "a=b c", "GONE": None}),
    case("user", user="10:20"),
    case("working_dir", working_dir="/srv/app"),
    case("hostname", hostname="shop"),
    case("domainname", domainname="example.org"),
    case("tty", tty=True),
    case("stdin_open", stdin_open=True),
    case("labels", labels={"owner": "me", "traefik.http": "a,b=c"}),
    case("annotations", api=(1, 43), annotations={"org.example/x": "y"}),
    case("stop_signal", stop_signal="SIGUSR1"),
    case("stop_grace_period", stop_grace_period_ns=90 * SECOND),
    case("stop_grace_period_rounded_up", stop_grace_period_ns=SECOND // 2),
    case("stop_grace_period_zero", stop_grace_period_ns=0),
    case("healthcheck", healthcheck=Healthcheck(("CMD", "true"), SECOND, 2 * SECOND, 3 * SECOND, None, 4)),
    case("healthcheck_shell", healthcheck=Healthcheck(("CMD-SHELL", "test -f /ok && echo \"yes\""))),
    case("healthcheck_disabled", healthcheck=Healthcheck(("NONE",))),
    case("healthcheck_start_interval", api=(1, 44), healthcheck=Healthcheck(("CMD", "x"), None, None, SECOND, SECOND)),
    case("init", init=True),
    case("privileged", privileged=True),
    case("read_only", read_only=True),
    case("cap_add", cap_add=("NET_ADMIN", "CAP_SYS_TIME", "sys_nice")),
    case("cap_add_all", cap_add=("ALL",)),
    case("cap_drop", cap_drop=("MKNOD",)),
    case("security_opt", security_opt=("no-new-privileges:true", "label=disable", f"seccomp={PROFILE}")),
    case("systempaths", security_opt=("systempaths=unconfined",)),
    case("devices", devices=(Device("/dev/null", "/dev/nil", "r"), Device("/dev/zero", "/dev/zero"))),
    case("device_cgroup_rules", device_cgroup_rules=("c 1:3 mr",)),
    case("group_add", group_add=("10", "audio")),
    case("dns", dns=("10.0.0.53", "fd00::53"), dns_opt=("ndots:1",), dns_search=("example.org",)),
    case("extra_hosts", extra_hosts=("a:10.0.0.1", "b:10.0.0.2", "v6:::1", "gate:host-gateway")),
    case("network_mode_host", network_mode="host"),
    case("network_mode_none", network_mode="none"),
    case("network_mode_bridge", network_mode="bridge"),
    case("ports", ports=(Port(80, "23480"), Port(81, "23481", "udp", "127.0.0.1"), Port(82), Port(83, "23483-23485"))),
    case("port_on_two_addresses", ports=(Port(80, "23480", "tcp", "127.0.0.1"), Port(80, "23481", "tcp", "127.0.0.2"))),
    case("expose", expose=("8080/tcp", "53/udp"), ports=(Port(80, "23480"),)),
    case("bind", **mount(MountType.BIND, "/x", "/tmp", create_host_path=True, read_only=True)),
    case("bind_selinux", **mount(MountType.BIND, "/x", "/tmp", create_host_path=True, selinux="z")),
    case("bind_propagation", **mount(MountType.BIND, "/x", "/tmp", create_host_path=True, propagation="rslave")),
    case("bind_must_exist", **mount(MountType.BIND, "/x", "/tmp", read_only=True)),
    case("bind_not_recursive", **mount(MountType.BIND, "/x", "/tmp", recursive="disabled")),
    case("bind_writable", api=(1, 44), **mount(MountType.BIND, "/x", "/tmp", recursive="writable", read_only=True)),
    case("volume", **mount(MountType.VOLUME, "/data", "{stack}_data", key="data")),
    case("volume_read_only", **mount(MountType.VOLUME, "/data", "{stack}_data", key="data", read_only=True)),
    case("volume_nocopy", **mount(MountType.VOLUME, "/data", "{stack}_data", key="data", nocopy=True)),
    case("volume_subpath", api=(1, 45), **mount(MountType.VOLUME, "/data", "{stack}_data", key="data", subpath="sub")),
    case("anonymous_volume", **mount(MountType.VOLUME, "/data")),
    case("anonymous_volume_with_labels", **mount(MountType.VOLUME, "/data", labels={"a": "b"})),
    case("tmpfs", **mount(MountType.TMPFS, "/run")),
    case("tmpfs_options", **mount(MountType.TMPFS, "/run", tmpfs_options="size=64m,mode=700")),
    case("tmpfs_size_and_mode", **mount(MountType.TMPFS, "/run", tmpfs_size=2**20, tmpfs_mode=0o700)),
    case("image_mount", api=(1, 48), **mount(MountType.IMAGE, "/img", "busybox:stable", read_only=True)),
    case("ipc_shareable", ipc="shareable"),
    case("ipc_host", ipc="host"),
    case("pid_host", pid="host"),
    case("uts_host", uts="host"),
    case("userns_host", userns_mode="host"),
    case("cgroup_private", cgroup="private"),
    case("cgroup_host", cgroup="host"),
    case("cgroup_parent", cgroup_parent="/stack-test"),
    case("runtime", runtime="runc"),
    case("logging", logging=Logging("json-file", {"max-size": "1m", "max-file": "2"})),
    case("logging_default_said_aloud", logging=Logging("json-file")),
    case("logging_none", logging=Logging("none")),
    case("sysctls", sysctls={"net.core.somaxconn": "1024"}),
    case("ulimits", ulimits={"nofile": Ulimit(1000, 2000), "core": Ulimit(-1, -1)}),
    case("shm_size", shm_size=2**27),
    case("shm_size_default_said_aloud", shm_size=2**26),
    case("oom_score_adj", oom_score_adj=500),
    case("oom_kill_disable", oom_kill_disable=True, resources=Resources(memory=2**26)),
    case("mem_swappiness", mem_swappiness=0),
    case("restart_always", restart=RestartPolicy("always")),
    case("restart_on_failure", restart=RestartPolicy("on-failure", 3)),
    case("cpus", resources=Resources(nano_cpus=500_000_000)),
    case("memory", resources=Resources(memory=2**26, memory_reservation=2**25)),
    case("memory_swap", resources=Resources(memory=2**26, memory_swap=2**26)),
    case("memory_swap_double", resources=Resources(memory=2**26, memory_swap=2**27)),
    case("memory_swap_unlimited", resources=Resources(memory=2**26, memory_swap=-1)),
    case("pids", resources=Resources(pids_limit=100)),
    case("cpu_quota", resources=Resources(cpu_quota=50_000, cpu_period=100_000, cpu_shares=512, cpuset="0")),
    case("config_file", files=(FileGrant(FileKind.CONFIG, "motd", "/etc/motd", source="/etc/hostname"),)),
]  # fmt: skip


def placed(settings: dict[str, object], world: World) -> Container:
    """The case's container, without a network unless it is about one; volumes get their names from the stack."""
    made = sleeping(**{"network_mode": "none", **settings})
    mounts = tuple(replace(entry, source=entry.source.format(stack=world.stack)) for entry in made.mounts)
    return replace(made, mounts=mounts)


@pytest.mark.parametrize("given", CASES, ids=lambda given: given.name)
def test_what_was_asked_for_is_what_is_read_back(world: World, given: Case) -> None:
    wanted = placed(given.settings, world)
    if world.engine.version < given.api:
        with pytest.raises(EngineError) as refused:
            world.create(wanted)
        assert refused.value.ref == "engine-too-old"
        assert "needs engine API" in refused.value.message
        return

    world.create(wanted)

    assert world.differences(wanted) == ()
    # And the other way round: a wish read back as nothing would be kept for ever.
    assert world.differences(sleeping(network_mode="none")) or given.name in SAME_AS_NOTHING


# What equals the engine's own choice, so that saying it or not makes no difference.
SAME_AS_NOTHING = {
    "logging_default_said_aloud",
    "shm_size_default_said_aloud",
    "runtime",
    "cgroup_host",
    "cgroup_private",
    "empty_entrypoint",
    "network_mode_none",
    "anonymous_volume",
}


def test_a_container_without_wishes_reads_back_without_any(world: World) -> None:
    """Nothing that the engine adds by itself may look like a wish; also once it runs."""
    world.run(Container(image="busybox:stable", command=("sleep", "1000")), networks={world.network(): Attachment()})
    found = world.container()

    assert found.settings is not None
    said = {
        name: getattr(found.settings, name)
        for name in Container.__dataclass_fields__
        if getattr(found.settings, name) != getattr(Container(), name)
    }
    assert said == {
        "image": "busybox:stable",
        "platform": found.settings.platform,
        "command": ("sleep", "1000"),
        "networks": {"default": Attachment()},
    }


def test_a_container_full_of_wishes_runs_and_reads_back_the_same(world: World, tmp_path: Path) -> None:
    """Starting changes what the engine reports (addresses, names, pids); none of it is a difference."""
    (tmp_path / "file").write_text("x")
    network = world.network()
    wanted = sleeping(
        hostname="shop",
        domainname="example.org",
        environment={"A": "1"},
        init=True,
        cap_add=("NET_ADMIN",),
        dns=("10.0.0.53",),
        extra_hosts=("a:10.0.0.1",),
        ports=(Port(80), Port(81, "23491-23495")),
        expose=("8080/tcp",),
        mounts=(
            Mount(MountType.BIND, "/file", str(tmp_path / "file"), read_only=True, create_host_path=True),
            Mount(MountType.VOLUME, "/data", world.volume(), key="data"),
            Mount(MountType.VOLUME, "/anonymous"),
            Mount(MountType.TMPFS, "/scratch", tmpfs_size=2**20),
        ),
        mac_address="02:42:ac:11:65:43",
        ulimits={"nofile": Ulimit(1000, 2000)},
        sysctls={"net.core.somaxconn": "1024"},
        shm_size=2**25,
        resources=Resources(memory=2**26, nano_cpus=500_000_000, pids_limit=50),
        restart=RestartPolicy("unless-stopped"),
        healthcheck=Healthcheck(("CMD", "true"), SECOND),
    )
    world.run(wanted, networks={network: Attachment(aliases=("shopfront",))})

    assert world.differences(wanted) == ()
    found = world.container()
    assert [("shopfront",)] == [endpoint.aliases for endpoint in found.endpoints]
    assert [True] == [endpoint.named for endpoint in found.endpoints]
    assert list(found.anonymous_volumes) == ["/anonymous"]


@pytest.mark.parametrize(
    "attachment",
    [
        Attachment(),
        Attachment(aliases=("a", "b")),
        Attachment(ipv4_address="10.201.77.10"),
        Attachment(link_local_ips=("169.254.8.8",)),
        Attachment(driver_opts={"com.example": "x"}),
        Attachment(mac_address="02:42:ac:11:65:43"),
    ],
    ids=["plain", "aliases", "ipv4", "link_local", "driver_opts", "mac"],
)
@pytest.mark.parametrize("started", [False, True], ids=["created", "started"])
def test_an_attachment_reads_back_as_given(world: World, attachment: Attachment, started: bool) -> None:
    network = world.subnet("front", "10.201.77.0/24")
    (world.run if started else world.create)(sleeping(), networks={network: attachment})
    [found] = world.container().endpoints

    assert found.network_name == network
    assert found.network_id == world.engine.network(network)["Id"]
    assert found.aliases == attachment.aliases
    assert found.ipv4_address == attachment.ipv4_address
    assert found.link_local_ips == attachment.link_local_ips
    assert dict(found.driver_opts) == attachment.driver_opts
    assert found.mac_address == attachment.mac_address


def test_several_networks_are_all_attached_by_the_one_create(world: World) -> None:
    """Engines before API 1.44 take one at create; the action still means all of them."""
    front, back = world.network("front"), world.network("back")
    world.run(sleeping(), networks={back: Attachment(), front: Attachment(aliases=("shop",))})
    found = {endpoint.network_name: endpoint for endpoint in world.container().endpoints}

    assert set(found) == {front, back}
    assert found[front].aliases == ("shop",)
    assert found[back].named
    assert found[front].named
    assert world.engine.inspect(world.ref().name)["HostConfig"]["NetworkMode"] == back


def test_new_endpoint_settings_reach_new_engines_and_are_refused_by_old_ones(world: World) -> None:
    network = world.network()
    wanted = Attachment(gw_priority=5, interface_name="web0")
    if world.engine.version < (1, 49):
        with pytest.raises(EngineError, match="needs engine API"):
            world.create(sleeping(), networks={network: wanted})
        return
    world.run(sleeping(), networks={network: wanted})
    found = world.container()

    assert found.settings is not None
    assert found.settings.networks == {"default": wanted}
    assert world.engine.exec(world.ref().name, "ip", "link", "show", "web0")[0] == 0


def test_a_mac_address_on_a_second_network_is_refused_where_it_would_be_dropped(engine: Engine) -> None:
    world = World(engine, "adapter-second-mac")
    try:
        networks = {world.network("a"): Attachment(), world.network("b"): Attachment(mac_address="02:42:ac:11:65:44")}
        if engine.version < (1, 44):
            with pytest.raises(EngineError, match="mac_address"):
                world.create(sleeping(), networks=networks)
    finally:
        world.close()


def test_shared_namespaces_and_volumes_name_the_service(world: World) -> None:
    """They go to the engine as a container's id and come back as the service that the file speaks of."""
    parent = sleeping(ipc="shareable", mounts=(Mount(MountType.VOLUME, "/shared", world.volume(), key="data"),))
    world.run(parent, "parent", {world.network(): Attachment()})
    wanted = sleeping(
        network_mode="service:parent", ipc="service:parent", pid="service:parent", volumes_from=("parent:ro",)
    )
    world.run(wanted, "child")

    assert world.differences(wanted, "child") == ()
    found = world.container("child")
    assert found.peers == {"parent": world.container("parent").id}
    assert found.endpoints == ()


def test_a_shared_namespace_without_its_service_is_refused_in_words(world: World) -> None:
    with pytest.raises(EngineError) as refused:
        world.create(sleeping(network_mode="service:parent"))

    assert refused.value.ref == "peer-missing"
    assert "parent" in refused.value.message


def test_links_read_back_as_written(world: World) -> None:
    network = world.network()
    world.run(sleeping(), "db", {network: Attachment()})
    world.engine.run(f"{world.stack}-foreign", HostConfig={"NetworkMode": network})
    wanted = sleeping(links=("db:database",), external_links=(f"{world.stack}-foreign:other",))
    world.run(wanted, networks={network: Attachment()})
    try:
        assert world.differences(wanted) == ()
        assert world.engine.exec(world.ref().name, "ping", "-c1", "database")[0] == 0
        assert world.engine.exec(world.ref().name, "ping", "-c1", "other")[0] == 0
    finally:
        world.engine.api.delete(f"/containers/{world.stack}-foreign", force=True)


def test_block_io_rates_reach_the_engine(world: World) -> None:
    disk = _a_block_device()
    rates = BlkioConfig(device_read_bps=(DeviceRate(disk, 10**6),), device_write_iops=(DeviceRate(disk, 100),))
    wanted = sleeping(resources=Resources(blkio=rates))
    world.create(wanted, networks={world.network(): Attachment()})

    assert world.differences(wanted) == ()
    assert world.differences(sleeping())


def _a_block_device() -> str:
    return next(str(path) for path in Path("/dev").iterdir() if path.is_block_device())


def test_a_seccomp_profile_of_a_file_is_given_inline(world: World, tmp_path: Path) -> None:
    """The engine may be on another machine than the file."""
    profile = tmp_path / "profile.json"
    profile.write_text('{\n  "defaultAction": "SCMP_ACT_ALLOW"\n}')
    world.create(sleeping(security_opt=(f"seccomp={profile}",)))

    assert world.differences(sleeping(security_opt=(f"seccomp={PROFILE}",), network_mode="none")) == ()


def test_a_gpu_nobody_has_is_asked_for_all_the_same(world: World) -> None:
    from orchestrator.model.values import DeviceRequest

    wanted = sleeping(
        device_requests=(DeviceRequest(("gpu",), "nvidia", -1), DeviceRequest(("gpu", "utility"), "", None, ("0",)))
    )
    world.create(wanted, networks={world.network(): Attachment()})

    assert world.differences(wanted) == ()
    assert world.differences(sleeping())
