"""From a wish to the engine's create call: what needs no engine to be tried."""

from __future__ import annotations

from dataclasses import fields

import pytest

from orchestrator.engines.docker import readback, translate, translate_objects, translate_resources
from orchestrator.engines.docker.draft import Draft
from orchestrator.engines.docker.surroundings import Peer, Surroundings
from orchestrator.errors import EngineError
from orchestrator.model import naming
from orchestrator.model.actions import ContainerRef, CreateContainer
from orchestrator.model.container import Container
from orchestrator.model.stack import Network, Volume
from orchestrator.model.values import (
    Attachment,
    Device,
    FileGrant,
    FileKind,
    Healthcheck,
    Mount,
    MountType,
    Port,
    Resources,
    RestartPolicy,
)

OLD = Surroundings(api=(1, 41))
NEW = Surroundings(api=(1, 51))


def creation(settings: Container, **more: object) -> CreateContainer:
    labels = {naming.PROJECT: "shop", naming.SERVICE: "web", naming.NUMBER: "1"}
    given = {"container": ContainerRef("shop-web-1"), "settings": settings, "labels": labels, **more}
    return CreateContainer(**given)  # type: ignore[arg-type]


def draft(around: Surroundings = NEW, *, networks: dict[str, Attachment] | None = None, **settings: object) -> Draft:
    wish = creation(Container(image="x", **settings), networks=networks or {})  # type: ignore[arg-type]
    return translate.create(wish, around)


def test_every_field_of_a_container_is_translated_and_read_back() -> None:
    """A new field needs a row in ``translate.ROWS`` and one in ``readback.ROWS``; the names missing are shown."""
    names = {field.name for field in fields(Container)}

    assert names - set(translate.ROWS) == set()
    assert names - set(readback.ROWS) == set()
    assert set(translate.ROWS) - names == set()
    assert set(readback.ROWS) - names == set()


def test_a_container_that_says_nothing_asks_for_nothing() -> None:
    asked = translate.create(CreateContainer(container=ContainerRef("x"), settings=Container(image="x")), NEW)

    assert asked.body() == {"Image": "x", "HostConfig": {"NetworkMode": "none"}}


@pytest.mark.parametrize("field", [field.name for field in fields(Container) if field.name != "image"])
def test_a_field_that_is_not_said_is_left_out(field: str) -> None:
    """Sending an empty value would take from the image, or from the engine's own default."""
    empty = Draft()
    nothing = CreateContainer(container=ContainerRef("x"), settings=Container())
    from orchestrator.engines.docker.draft import Wish

    translate.ROWS[field](empty, Wish(nothing, NEW))
    if field != "network_mode":
        assert empty.body() == {"HostConfig": {}}


@pytest.mark.parametrize(
    ("said", "sent"), [(0, 0), (1, 1), (500_000_000, 1), (1_000_000_000, 1), (1_500_000_000, 2), (90 * 10**9, 90)]
)
def test_a_grace_period_is_never_shortened(said: int, sent: int) -> None:
    assert draft(stop_grace_period_ns=said).config["StopTimeout"] == sent


def test_words_that_are_empty_differ_from_words_not_said() -> None:
    assert draft(command=()).config["Cmd"] == []
    assert "Cmd" not in draft().config
    assert draft(entrypoint=()).config["Entrypoint"] == []
    assert draft(init=False).host["Init"] is False
    assert draft(mem_swappiness=0).host["MemorySwappiness"] == 0


def test_a_variable_without_a_value_is_removed_from_the_image() -> None:
    assert draft(environment={"A": "1", "B": "", "C": None}).config["Env"] == ["A=1", "B=", "C"]


@pytest.mark.parametrize(
    ("settings", "networks", "version"),
    [
        ({"annotations": {"a": "b"}}, {}, "1.43"),
        ({"healthcheck": Healthcheck(("CMD", "x"), start_interval_ns=1)}, {}, "1.44"),
        ({"mounts": (Mount(MountType.IMAGE, "/i", "x"),)}, {}, "1.48"),
        ({"mounts": (Mount(MountType.BIND, "/i", "/x", recursive="readonly"),)}, {}, "1.44"),
        ({"mounts": (Mount(MountType.VOLUME, "/i", "v", subpath="s"),)}, {}, "1.45"),
        ({"mounts": (Mount(MountType.CLUSTER, "/i", "v"),)}, {}, "1.42"),
        ({}, {"n": Attachment(gw_priority=1)}, "1.48"),
        ({}, {"n": Attachment(interface_name="e")}, "1.49"),
    ],
)
def test_what_an_old_engine_would_drop_in_silence_is_refused(
    settings: dict[str, object], networks: dict[str, Attachment], version: str
) -> None:
    with pytest.raises(EngineError) as refused:
        draft(OLD, networks=networks, **settings)

    assert refused.value.ref == "engine-too-old"
    assert f"needs engine API {version}; this engine speaks 1.41" in refused.value.message
    draft(NEW, networks=networks, **settings)


def test_an_old_engine_gets_one_network_at_create_and_the_others_in_calls_of_their_own() -> None:
    networks = {"a": Attachment(("x",)), "b": Attachment(("y",))}
    old, new = draft(OLD, networks=networks), draft(NEW, networks=networks)

    assert (["a"], ["b"]) == (list(old.endpoints), [connection.network for connection in old.connect])
    assert (["a", "b"], []) == (list(new.endpoints), new.connect)
    assert old.host["NetworkMode"] == new.host["NetworkMode"] == "a"
    assert new.endpoints["b"]["Aliases"] == ["shop-web-1", "web", "y"]


def test_a_mac_address_goes_where_the_engine_looks_for_it() -> None:
    networks = {"a": Attachment()}
    old, new = draft(OLD, networks=networks, mac_address="02::1"), draft(NEW, networks=networks, mac_address="02::1")

    assert old.config["MacAddress"] == "02::1"
    assert "MacAddress" not in old.endpoints["a"]
    assert new.endpoints["a"]["MacAddress"] == "02::1"
    assert "MacAddress" not in new.config


@pytest.mark.parametrize(
    ("mount", "bind"),
    [
        (Mount(MountType.BIND, "/t", "/s", create_host_path=True), "/s:/t:rw"),
        (Mount(MountType.BIND, "/t", "/s", create_host_path=True, read_only=True, selinux="Z"), "/s:/t:ro,Z"),
        (Mount(MountType.BIND, "/t", "/s", create_host_path=True, propagation="rslave"), "/s:/t:rw,rslave"),
        (Mount(MountType.VOLUME, "/t", "shop_data", key="data"), "shop_data:/t:rw"),
    ],
)
def test_simple_mounts_are_bind_strings_as_composes(mount: Mount, bind: str) -> None:
    made = draft(mounts=(mount,))

    assert (made.binds, made.mounts) == ([bind], [])


@pytest.mark.parametrize(
    ("mount", "sent"),
    [
        (Mount(MountType.BIND, "/t", "/s"), {"Type": "bind", "Target": "/t", "Source": "/s"}),
        (Mount(MountType.BIND, "/t", "/a:b", create_host_path=True),
         {"Type": "bind", "Target": "/t", "Source": "/a:b", "BindOptions": {"CreateMountpoint": True}}),
        (Mount(MountType.VOLUME, "/t"), {"Type": "volume", "Target": "/t"}),
        (Mount(MountType.VOLUME, "/t", "v", key="v", nocopy=True),
         {"Type": "volume", "Target": "/t", "Source": "v", "VolumeOptions": {"NoCopy": True}}),
        (Mount(MountType.NPIPE, "//./pipe/x", "//./pipe/x"),
         {"Type": "npipe", "Target": "//./pipe/x", "Source": "//./pipe/x"}),
    ],
)  # fmt: skip
def test_other_mounts_go_the_long_way(mount: Mount, sent: dict[str, object]) -> None:
    made = draft(mounts=(mount,))

    assert (made.binds, made.mounts) == ([], [sent])


def test_tmpfs_of_the_short_form_keeps_its_options() -> None:
    assert draft(mounts=(Mount(MountType.TMPFS, "/run", tmpfs_options="size=1m"),)).host["Tmpfs"] == {"/run": "size=1m"}


def test_tmpfs_of_the_long_form_becomes_options_too() -> None:
    """Engines fail to share the volumes of a container that has a tmpfs by the Mounts API."""
    mount = Mount(MountType.TMPFS, "/t", tmpfs_size=5, tmpfs_mode=0o700, read_only=True)

    assert draft(mounts=(mount,)).host["Tmpfs"] == {"/t": "size=5,mode=700,ro"}


def test_anonymous_volumes_are_taken_over_by_target() -> None:
    """Those of the file and those that only the image declares."""
    settings = Container(image="x", mounts=(Mount(MountType.VOLUME, "/data"),))
    taken = {"/data": "a" * 64, "/of-the-image": "b" * 64}
    made = translate.create(creation(settings, anonymous_volumes=taken), NEW)

    assert {"/data": "a" * 64, "/of-the-image": "b" * 64} == {row["Target"]: row["Source"] for row in made.mounts}


def test_files_are_mounted_read_only_and_contents_are_not_in_the_request() -> None:
    grants = (
        FileGrant(FileKind.CONFIG, "a", "/a", source="/host/a"),
        FileGrant(FileKind.SECRET, "b", "/b", content=b"canary"),
    )
    made = draft(files=grants)

    assert made.mounts == [{"Type": "bind", "Source": "/host/a", "Target": "/a", "ReadOnly": True}]
    assert "canary" not in str(made.body())


def test_ports_are_published_and_exposed_and_ranges_of_expose_are_spread() -> None:
    made = draft(
        ports=(Port(80, "8080"), Port(80, "8081", "tcp", "::1"), Port(53, "", "udp")), expose=("90-91/udp", "7")
    )

    assert made.host["PortBindings"] == {
        "80/tcp": [{"HostIp": "", "HostPort": "8080"}, {"HostIp": "::1", "HostPort": "8081"}],
        "53/udp": [{"HostIp": "", "HostPort": ""}],
    }
    assert set(made.config["ExposedPorts"]) == {"80/tcp", "53/udp", "90/udp", "91/udp", "7/tcp"}


def test_shared_namespaces_are_containers_by_id() -> None:
    around = Surroundings(peers={"db": (Peer("id1", "shop-db-1", 1), Peer("id2", "shop-db-2", 2))})
    made = draft(
        around, network_mode="service:db", ipc="service:db", uts="service:db", volumes_from=("db:ro", "container:x")
    )

    assert {made.host[key] for key in ("NetworkMode", "IpcMode", "UTSMode")} == {"container:id1"}
    assert made.host["VolumesFrom"] == ["id1:ro", "x"]


def test_links_name_every_replica_as_compose_does() -> None:
    around = Surroundings(peers={"db": (Peer("i", "shop-db-1", 1), Peer("j", "shop-db-2", 2))})
    made = draft(around, networks={"n": Attachment()}, links=("db:store",), external_links=("other:alias", "plain"))

    assert made.endpoints["n"]["Links"] == [
        "shop-db-1:store",
        "shop-db-1:db-1",
        "shop-db-1:shop-db-1",
        "shop-db-2:store",
        "shop-db-2:db-2",
        "shop-db-2:shop-db-2",
        "other:alias",
        "plain:plain",
    ]
    assert "Links" not in made.host


@pytest.mark.parametrize(("said", "sent"), [("net_admin", "CAP_NET_ADMIN"), ("CAP_CHOWN", "CAP_CHOWN"), ("all", "ALL")])
def test_capabilities_are_sent_in_the_engines_form(said: str, sent: str) -> None:
    assert draft(cap_add=(said,)).host["CapAdd"] == [sent]


def test_devices_of_the_container_device_interface_are_requests() -> None:
    made = draft(devices=(Device("vendor.com/gpu=all", "vendor.com/gpu=all"), Device("/dev/a", "/dev/b", "r")))

    assert made.host["DeviceRequests"] == [{"Driver": "cdi", "DeviceIDs": ["vendor.com/gpu=all"]}]
    assert [("/dev/a", "/dev/b", "r")] == [tuple(row.values()) for row in made.host["Devices"]]


def test_the_image_label_is_added_and_the_users_labels_do_not_win_over_ours() -> None:
    settings = Container(image="x", labels={naming.SERVICE: "forged", "mine": "1"})
    made = translate.create(creation(settings), Surroundings(image_id="sha256:1"))

    assert made.config["Labels"] == {
        "mine": "1",
        naming.PROJECT: "shop",
        naming.SERVICE: "web",
        naming.NUMBER: "1",
        naming.IMAGE: "sha256:1",
    }


def test_a_seccomp_profile_that_cannot_be_read_is_named() -> None:
    with pytest.raises(EngineError, match="seccomp profile cannot be used") as refused:
        draft(security_opt=("seccomp=/no/such/file",))

    assert refused.value.where is not None
    assert refused.value.where.file == "/no/such/file"


def test_an_update_speaks_of_what_is_given_and_of_the_swap_that_follows_memory() -> None:
    assert translate_resources.update(Resources(memory=64), None) == {"Memory": 64, "MemorySwap": 128}
    assert translate_resources.update(Resources(memory=64, memory_swap=-1), None) == {"Memory": 64, "MemorySwap": -1}
    assert translate_resources.update(None, RestartPolicy("on-failure", 2)) == {
        "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 2}
    }


def test_a_network_says_what_the_file_says() -> None:
    body = translate_objects.network(Network(key="a", name="shop_a", labels={"x": "y"}), NEW)

    assert body["Driver"] == "bridge"
    assert "IPAM" not in body
    assert "EnableIPv6" not in body
    with pytest.raises(EngineError, match=r"1\.48"):
        translate_objects.network(Network(key="a", name="a", enable_ipv4=False), OLD)


def test_a_volume_without_wishes_has_the_engines_driver() -> None:
    assert translate_objects.volume(Volume(key="a", name="shop_a")) == {"Name": "shop_a", "Labels": {}}
