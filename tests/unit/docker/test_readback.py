"""From the engine's answer to the file's words: the oddities of engines, each in a line."""

from __future__ import annotations

from typing import Any

import pytest

from orchestrator.engines.docker import readback, readback_mounts, readback_network
from orchestrator.engines.docker.labels import file_digests, final_name, identity, plain_name
from orchestrator.engines.docker.observe_containers import listed
from orchestrator.engines.docker.reading import Context, Reading
from orchestrator.model import naming
from orchestrator.model.container import Container
from orchestrator.model.observed import Health, State
from orchestrator.model.values import Logging, Mount, MountType

ID = "0123456789ab" + "c" * 52
LABELS = {naming.PROJECT: "shop", naming.SERVICE: "web", naming.NUMBER: "1"}
DEFAULTS = Container(ipc="private", cgroup="host", runtime="runc", logging=Logging("json-file"), shm_size=2**26)


def reading(host: dict[str, Any] | None = None, networks: dict[str, Any] | None = None, **config: Any) -> Reading:
    raw = {
        "Id": ID,
        "Name": "/shop-web-1",
        "Config": {"Labels": LABELS, **config},
        "HostConfig": host or {},
        "NetworkSettings": {"Networks": networks or {}},
    }
    context = Context(
        stack="shop",
        services={"db-id": "db", "shop-db-1": "db"},
        keys={"n1": "front"},
        network_ids={"shop_front": "n1"},
        own_networks=frozenset({"shop_front"}),
        defaults=DEFAULTS,
        host_name="machine",
    )
    return Reading(raw, context)


def field(name: str, host: dict[str, Any] | None = None, **config: Any) -> Any:
    return readback.ROWS[name](reading(host, **config))


def test_an_answer_full_of_nothing_reads_as_nothing() -> None:
    nothing = Reading({"Id": ID}, Context())

    assert readback.container(nothing) == Container()


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("ipc", {"IpcMode": "private"}),
        ("cgroup", {"CgroupnsMode": "host"}),
        ("runtime", {"Runtime": "runc"}),
        ("logging", {"LogConfig": {"Type": "json-file", "Config": {}}}),
        ("shm_size", {"ShmSize": 2**26}),
        ("oom_kill_disable", {"OomKillDisable": False}),
        ("oom_score_adj", {"OomScoreAdj": 0}),
        ("mem_swappiness", {"MemorySwappiness": -1}),
        ("restart", {"RestartPolicy": {"Name": "", "MaximumRetryCount": 0}}),
        ("resources", {"Memory": 0, "MemorySwap": 0, "PidsLimit": -1, "CpuQuota": -1, "MemoryReservation": -1}),
        ("devices", {"Devices": None}),
    ],
)
def test_the_engines_own_choice_reads_as_not_said(name: str, host: dict[str, Any]) -> None:
    assert field(name, host) == getattr(Container(), name)


@pytest.mark.parametrize(
    ("hostname", "mode", "read"),
    [
        (ID[:12], "shop_front", ""),
        ("machine", "host", ""),
        ("machine", "shop_front", "machine"),
        ("parent", "container:x", ""),
        ("mine", "host", "mine"),
    ],
)
def test_a_host_name_that_the_engine_chose_is_not_said(hostname: str, mode: str, read: str) -> None:
    assert field("hostname", {"NetworkMode": mode}, Hostname=hostname) == read


def test_swap_is_not_said_where_it_follows_from_memory() -> None:
    assert field("resources", {"Memory": 64, "MemorySwap": 128}).memory_swap is None
    assert field("resources", {"Memory": 64, "MemorySwap": -1}).memory_swap == -1


@pytest.mark.parametrize("key", ["Privileged", "PidMode", "IpcMode"])
def test_labels_that_the_engine_disabled_are_nobodys_wish(key: str) -> None:
    host = {"SecurityOpt": ["label=disable"], key: True if key == "Privileged" else "host"}

    assert field("security_opt", host) == ()
    assert field("security_opt", {"SecurityOpt": ["label=disable"]}) == ("label=disable",)


@pytest.mark.parametrize(
    ("text", "mount"),
    [
        ("/s:/t", Mount(MountType.BIND, "/t", "/s", create_host_path=True)),
        ("/s:/t:ro,z", Mount(MountType.BIND, "/t", "/s", create_host_path=True, read_only=True, selinux="z")),
        ("/s:/t:rw,rshared", Mount(MountType.BIND, "/t", "/s", create_host_path=True, propagation="rshared")),
        ("data:/t:nocopy", Mount(MountType.VOLUME, "/t", "data", nocopy=True)),
        ("/t", Mount(MountType.VOLUME, "/t")),
        (f"{'a' * 64}:/t", Mount(MountType.VOLUME, "/t")),
    ],
)
def test_bind_strings_in_all_their_forms(text: str, mount: Mount) -> None:
    assert readback_mounts.mounts(reading({"Binds": [text]})) == (mount,)


def test_the_name_an_engine_gave_a_volume_is_not_the_files() -> None:
    host = {"Mounts": [{"Type": "volume", "Target": "/t", "Source": "f" * 64}]}

    assert field("mounts", host) == (Mount(MountType.VOLUME, "/t"),)


@pytest.mark.parametrize(
    ("value", "aliases", "read"),
    [
        ("host", [], "host"),
        ("default", [], "bridge"),
        ("container:db-id", [], "service:db"),
        ("container:other", [], "container:other"),
        ("shop_front", ["web"], ""),
        ("shop_front", [], ""),
        ("elsewhere", ["web"], ""),
        ("elsewhere", [], "elsewhere"),
        ("gone", None, ""),
    ],
)
def test_the_first_network_is_no_network_mode(value: str, aliases: list[str] | None, read: str) -> None:
    """``shop_front`` is the stack's own; a network_mode that names a network gives no aliases."""
    networks = {} if aliases is None else {value: {"Aliases": aliases}}

    assert readback_network.mode(reading({"NetworkMode": value}, networks)) == read


@pytest.mark.parametrize(
    ("aliases", "given", "named"),
    [
        (["shop-web-1", "web", "extra"], ("extra",), True),
        (["shop-web-1", "web", "extra", ID[:12], "hostname"], ("extra",), True),
        (["shop_web_1", "web"], (), True),
        ([ID[:12]], (), False),
        (None, (), False),
    ],
)
def test_aliases_that_every_container_has_are_left_out(aliases: Any, given: tuple[str, ...], named: bool) -> None:
    networks = {"shop_front": {"Aliases": aliases, "NetworkID": "n1"}}
    [endpoint] = readback_network.endpoints(reading({"NetworkMode": "shop_front"}, networks))

    assert (endpoint.aliases, endpoint.named, endpoint.network_id) == (given, named, "n1")


def test_a_network_is_known_by_its_key_or_else_by_its_name() -> None:
    networks = {"shop_front": {"Aliases": ["web"]}, "shared": {"NetworkID": "n9", "Aliases": ["web"]}}

    assert set(readback_network.attachments(reading({"NetworkMode": "shop_front"}, networks))) == {"front", "shared"}


def test_links_without_those_that_compose_adds() -> None:
    links = ["shop-db-1:store", "shop-db-1:db-1", "shop-db-1:shop-db-1", "other:o", "shop-gone-2:cache"]
    read = reading({"NetworkMode": "shop_front"}, {"shop_front": {"Links": links, "Aliases": ["web"]}})

    assert readback_network.links(read) == ("db:store", "gone:cache")
    assert readback_network.external_links(read) == ("other:o",)


def test_ranges_and_missing_protocols_in_exposed_ports() -> None:
    """Compose hands ranges on as they are written."""
    host = {"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}}

    assert field("expose", host, ExposedPorts={"70-71/udp": {}, "9": {}, "80/tcp": {}}) == ("9/tcp", "70/udp", "71/udp")


@pytest.mark.parametrize(
    ("name", "fingerprint", "final"),
    [
        ("shop-web-1.0123456789ab", "0123456789ab" + "f" * 52, "shop-web-1"),
        ("shop-web-1", "0123456789ab", "shop-web-1"),
    ],
)
def test_the_name_that_a_replacement_is_meant_to_have(name: str, fingerprint: str, final: str) -> None:
    assert final_name(name, fingerprint) == final
    assert plain_name(name) == final


@pytest.mark.parametrize("name", ["shop.web.1", "shop-web-1.0123456789a", "shop.0123456789AB", ".0123456789ab"])
def test_a_name_with_dots_of_its_own_stays(name: str) -> None:
    assert plain_name(name) == name


def test_labels_tell_who_a_container_is_and_nonsense_tells_nothing() -> None:
    assert (identity(LABELS).service, identity(LABELS).slot) == ("web", 1)
    assert identity({naming.NUMBER: "²"}).slot == 0
    assert identity({}).stack == ""
    assert file_digests({naming.FILES: "/a=k:1,/b=c=k:2,"}) == {"/a": "k:1", "/b=c": "k:2"}


@pytest.mark.parametrize(
    ("state", "status", "expected"),
    [
        ("running", "Up 2 minutes (healthy)", (State.RUNNING, Health.HEALTHY, 0)),
        ("running", "Up 1 second (health: starting)", (State.RUNNING, Health.STARTING, 0)),
        ("exited", "Exited (137) 2 minutes ago", (State.EXITED, Health.NONE, 137)),
        ("restarting", "Restarting (1) 3 seconds ago", (State.RESTARTING, Health.NONE, 1)),
        ("created", "Created", (State.CREATED, Health.NONE, 0)),
        ("paused", "Up 2 minutes (Paused)", (State.PAUSED, Health.NONE, 0)),
        ("something-new", "", (State.DEAD, Health.NONE, 0)),
    ],
)
def test_the_list_alone_tells_state_health_and_exit_code(state: str, status: str, expected: tuple[Any, ...]) -> None:
    found = listed(
        {"Id": ID, "Names": ["/other/alias", "/shop-web-1"], "State": state, "Status": status, "Labels": LABELS}
    )

    assert (found.state, found.health, found.exit_code) == expected
    assert found.name == "shop-web-1"
