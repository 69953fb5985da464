"""The gate on single requests: whatever the spelling of a key or the order of keys, what is meant is what is judged."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.admission.gate import StackGate
from orchestrator.admission.judging import Setting
from orchestrator.engines.gate import BUILD, RUN, NotAdmitted, Request
from orchestrator.model.admission import Admission

OWN = {"com.docker.compose.project": "shop"}
CONFINED = {"SecurityOpt": ["no-new-privileges:true"]}
KELVIN, LONG_S = "\u212a", "\u017f"


class World:
    """``other`` has a container, a network and a volume; so has this stack."""

    def owner(self, kind: str, name: str) -> str | None:
        del kind
        return {"other-thing": "other", "nobodys": "", "shop-thing": "shop", "shop_web.files-0123456789ab": "shop"}.get(
            name
        )

    def mountpoint(self, volume: str) -> str:
        return f"/engine/volumes/{volume}/_data"

    def sockets(self) -> tuple[str, ...]:
        return ("/srv/engine.sock",)

    def user(self, container: str) -> str:
        return {"shop-thing": "1000"}.get(container, "")


def gate(**grants: Any) -> StackGate:
    given: dict[str, Any] = {"roots": ("/checkout",), "local": False, **grants.pop("setting", {})}
    return StackGate(Setting(stack="shop", grants=Admission(**grants), others=frozenset(("other",)), **given))


def rules(request: Request, **grants: Any) -> list[str]:
    return [one.rule for one in gate(**grants).violations(request, World())]


def create(host: Mapping[str, Any] | None = None, **config: Any) -> Request:
    body = {"Image": "busybox", "Labels": OWN, **config, "HostConfig": {**CONFINED, **(host or {})}}
    return Request("POST", "/containers/create", "?name=shop-web-1", json.dumps(body).encode())


def post(path: str, body: Any = None, query: str = "") -> Request:
    return Request("POST", path, query, None if body is None else json.dumps(body).encode())


# A request's part and the rule that it breaks.
HOST: list[tuple[dict[str, Any], str]] = [
    ({"Privileged": True}, "privileged"),
    ({"PidMode": "host"}, "host-namespace"),
    ({"IpcMode": "host"}, "host-namespace"),
    ({"UTSMode": "host"}, "host-namespace"),
    ({"UsernsMode": "host"}, "host-namespace"),
    ({"CgroupnsMode": "host"}, "host-namespace"),
    ({"NetworkMode": "host"}, "host-network"),
    ({"NetworkMode": "container:other-thing"}, "foreign-container"),
    ({"NetworkMode": "other-thing"}, "foreign-network"),
    ({"VolumesFrom": ["nobodys:ro"]}, "foreign-container"),
    ({"Links": ["/other-thing:db"]}, "foreign-container"),
    ({"Binds": ["/etc:/x:ro"]}, "bind"),
    ({"Binds": ["other-thing:/x"]}, "foreign-volume"),
    ({"Binds": ["nobodys:/x"]}, "foreign-volume"),
    ({"Binds": ["../etc:/x"]}, "bind"),
    ({"Binds": ["shop_web.files-0123456789ab:/x"]}, "foreign-volume"),
    ({"Mounts": [{"Type": "bind", "Source": "/checkout/../etc", "Target": "/x"}]}, "bind"),
    ({"Mounts": [{"Type": "npipe", "Source": "/checkout", "Target": "/x"}]}, "bind"),
    ({"Mounts": [{"Type": "cluster", "Source": "v", "Target": "/x"}]}, "bind"),
    ({"Mounts": [{"Source": "/etc", "Target": "/x"}]}, "bind"),
    (
        {"Mounts": [{"Type": "volume", "Target": "/x", "VolumeOptions": {"DriverConfig": {"Name": "p"}}}]},
        "volume-driver",
    ),
    (
        {
            "Mounts": [
                {
                    "Type": "volume",
                    "Target": "/x",
                    "VolumeOptions": {"DriverConfig": {"Options": {"o": "bind", "device": "/"}}},
                }
            ]
        },
        "volume-options",
    ),
    (
        {"Mounts": [{"Type": "bind", "Source": "/checkout", "BindOptions": {"Propagation": "rshared"}}]},
        "bind-propagation",
    ),
    ({"VolumeDriver": "p"}, "volume-driver"),
    ({"CapAdd": ["sys_admin"]}, "capability"),
    ({"CapAdd": ["CAP_ALL"]}, "capability"),
    ({"SecurityOpt": ["no-new-privileges", "seccomp=unconfined"]}, "security-opt"),
    ({"SecurityOpt": ["no-new-privileges=true", "no-new-privileges:0"]}, "new-privileges"),
    ({"SecurityOpt": []}, "new-privileges"),
    ({"MaskedPaths": []}, "security-opt"),
    ({"ReadonlyPaths": ["/proc/bus"]}, "security-opt"),
    ({"Devices": [{"PathOnHost": "/dev/sda"}]}, "device"),
    ({"DeviceCgroupRules": ["a *:* rwm"]}, "device"),
    ({"DeviceRequests": [{"Count": -1}]}, "gpu"),
    ({"Runtime": "runsc"}, "runtime"),
    ({"Sysctls": {"kernel.panic": "1"}}, "sysctl"),
    ({"Sysctls": {"net/../kernel/panic": "1"}}, "sysctl"),
    ({"CgroupParent": "/"}, "cgroup-parent"),
    ({"OomKillDisable": True}, "oom"),
    ({"OomScoreAdj": -1}, "oom"),
    ({"PidsLimit": -1}, "pids"),
    ({"Annotations": {"run.oci.x": "1"}}, "annotation"),
    ({"LogConfig": {"Type": "syslog"}}, "log-driver"),
    ({"PortBindings": {"80/tcp": [{"HostPort": "80"}]}}, "port"),
    ({"PortBindings": {"53/udp": [{"HostIp": "127.0.0.1", "HostPort": "53"}]}}, "port"),
    ({"PortBindings": {"80/tcp": [{"HostPort": "1000-2000"}]}}, "port"),
    ({"ContainerIDFile": "/etc/x"}, "unknown-field"),
    ({"PublishAllPorts": True}, "unknown-field"),
    ({"Cgroup": "container:x"}, "unknown-field"),
    ({"FieldOfTomorrow": {"a": 1}}, "unknown-field"),
    ({"Binds": "/etc:/x"}, "unreadable"),
    ({"Mounts": {"Type": "bind"}}, "unreadable"),
    ({"Binds": ["a:b:c:d"]}, "unreadable"),
    ({"PortBindings": {"80/tcp": [{"HostPort": "0x50"}]}}, "unreadable"),
]


@pytest.mark.parametrize(("host", "rule"), HOST, ids=lambda value: value if isinstance(value, str) else "")
def test_a_container_that_asks_for_what_is_forbidden_is_refused(host: dict[str, Any], rule: str) -> None:
    assert {rule} == set(rules(create(host)))


@pytest.mark.parametrize(
    ("config", "rule"),
    [
        ({"Labels": {"com.docker.compose.project": "other"}}, "reserved-label"),
        ({"Labels": {}}, "reserved-label"),
        ({"Labels": {**OWN, "com.docker.swarm.task": "x"}}, "reserved-label"),
        ({"Privileged": True}, "unknown-field"),  # older engines read the host's part here, too
        ({"OnBuild": ["RUN id"]}, "unknown-field"),
        ({"Volumes": {"/etc:/x": {}}}, "unreadable"),
        ({"NetworkingConfig": {"EndpointsConfig": {"other-thing": {}}}}, "foreign-network"),
        ({"NetworkingConfig": {"EndpointsConfig": {"host": {}}}}, "host-network"),
        ({"NetworkingConfig": {"EndpointsConfig": {"shop-thing": {"Links": ["other-thing:db"]}}}}, "foreign-container"),
        ({"NetworkingConfig": {"EndpointsConfig": {"shop-thing": {"NetworkID": "other-thing"}}}}, "foreign-network"),
        ({"NetworkingConfig": {"EndpointsConfig": {"shop-thing": {"DriverOpts": {"x": "y"}}}}}, "network-option"),
    ],
)
def test_so_is_one_whose_own_settings_are(config: dict[str, Any], rule: str) -> None:
    assert [rule] == rules(create(**config))


@st.composite
def respelled(draw: st.DrawFn, value: Any, fields: bool = True) -> Any:
    """The same meaning to the engine: keys of fields in another case and order."""
    if isinstance(value, dict):
        keys = draw(st.permutations(list(value)))
        maps = (
            "Labels",
            "Sysctls",
            "Annotations",
            "Options",
            "PortBindings",
            "EndpointsConfig",
            "Config",
            "DriverOpts",
        )
        return {
            draw(_spelled(key)) if fields else key: draw(respelled(value[key], fields=key not in maps)) for key in keys
        }
    if isinstance(value, list):
        return [draw(respelled(item)) for item in value]
    return value


@st.composite
def _spelled(draw: st.DrawFn, key: str) -> str:
    letters = []
    for letter in key:
        forms = [letter, letter.lower(), letter.upper()]
        forms += [KELVIN] if letter in "kK" else [LONG_S] if letter in "sS" else []
        letters.append(draw(st.sampled_from(forms)))
    return "".join(letters)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_however_its_keys_are_written_and_ordered(data: st.DataObject) -> None:
    host, rule = data.draw(st.sampled_from(HOST))
    body = {"Image": "busybox", "Labels": OWN, "HostConfig": {**CONFINED, **host}}
    spelled = data.draw(respelled(body))

    found = rules(Request("POST", "/containers/create", "", json.dumps(spelled, ensure_ascii=False).encode()))

    assert rule in found or "unknown-field" in found


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_key_that_stands_there_twice_is_refused_whatever_it_says(data: st.DataObject) -> None:
    once, again = data.draw(_spelled("Privileged")), data.draw(_spelled("Privileged"))
    body = '{"Image":"x","Labels":%s,"HostConfig":{"SecurityOpt":["no-new-privileges"],"%s":false,"%s":false}}'

    found = rules(Request("POST", "/containers/create", "", (body % (json.dumps(OWN), once, again)).encode()))

    assert "unreadable" in found


@pytest.mark.parametrize("value", [None, False, 0, "", [], {}])
def test_an_unknown_field_that_says_nothing_passes(value: Any) -> None:
    assert [] == rules(create({"FieldOfTomorrow": value, "Privileged": value, "Devices": value}, AnotherField=value))


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{", b"null", b'{"Image": "x"} {"HostConfig": {"Privileged": true}}', b"\xff{}"]
)
def test_a_body_that_is_no_one_object_is_refused(content: bytes) -> None:
    assert "unreadable" in rules(Request("POST", "/containers/create", "", content))


def test_a_body_that_is_read_while_it_is_sent_is_not_taken_for_json() -> None:
    assert ["unreadable"] == rules(Request("POST", "/containers/create", "", iter([b"{}"])))


@pytest.mark.parametrize(
    ("request_", "rule"),
    [
        (post("/containers/shop-thing/exec", {"Cmd": ["id"], "Privileged": True}), "privileged"),
        (post("/containers/shop-thing/exec", {"Cmd": ["id"], "pRIVILEGED": True}), "privileged"),
        (post("/containers/shop-thing/exec", {"Cmd": ["id"], "User": "root"}), "hook-user"),
        (post("/containers/other-thing/exec", {"Cmd": ["id"]}), "foreign-container"),
        (post("/exec/0123/start", {"Privileged": True}), "unknown-field"),
        (post("/containers/other-thing/stop"), "foreign-container"),
        (post("/containers/nobodys/kill"), "foreign-container"),
        (post("/containers/shop-thing/rename", query="?name=other-web-1"), "foreign-container"),
        (post("/containers/shop-thing/start", {"Privileged": True}), "unreadable"),
        (post("/containers/shop-thing/update", {"PidsLimit": -1}), "pids"),
        (post("/containers/shop-thing/update", {"Devices": [{"PathOnHost": "/dev/sda"}]}), "device"),
        (Request("DELETE", "/containers/other-thing"), "foreign-container"),
        (Request("DELETE", "/volumes/other-thing"), "foreign-volume"),
        (Request("DELETE", "/volumes/nobodys"), "foreign-volume"),
        (Request("DELETE", "/networks/other-thing"), "foreign-network"),
        (Request("PUT", "/containers/other-thing/archive", "?path=/", b"tar"), "foreign-container"),
        (post("/networks/other-thing/connect", {"Container": "shop-thing"}), "foreign-network"),
        (post("/networks/shop-thing/connect", {"Container": "other-thing"}), "foreign-container"),
        (post("/networks/create", {"Name": "n", "Labels": OWN, "Driver": "macvlan"}), "network-driver"),
        (post("/networks/create", {"Name": "n", "Labels": OWN, "Ingress": True}), "unknown-field"),
        (post("/networks/create", {"Name": "n", "Labels": OWN, "ConfigFrom": {"Network": "x"}}), "unknown-field"),
        (post("/networks/create", {"Name": "n"}), "reserved-label"),
        (post("/volumes/create", {"Name": "other-thing", "Labels": OWN}), "foreign-volume"),
        (post("/volumes/create", {"Name": "v", "Labels": OWN, "ClusterVolumeSpec": {"Group": "x"}}), "unknown-field"),
        (post("/images/create", query="?fromSrc=http://10.0.0.1/x.tar"), "unknown-field"),
        (post("/images/busybox/tag", query="?repo=other-web&tag=latest"), "foreign-image"),
        (post("/images/busybox/push"), "unknown-request"),
        (post("/images/load"), "unknown-request"),
        (post("/commit", {}), "unknown-request"),
        (post("/containers/prune"), "unknown-request"),
        (post("/swarm/init", {}), "unknown-request"),
        (post("/plugins/pull", []), "unknown-request"),
        (post("/services/create", {}), "unknown-request"),
        (post("/build", query="?networkmode=host"), "build-network"),
        (post("/build", query="?remote=https://10.0.0.1/x.git"), "build-context"),
        (post("/build", query="?securityopt=seccomp%3Dunconfined"), "unknown-field"),
        (
            Request(BUILD, "/build", "", json.dumps({"context": "/checkout", "field_of_tomorrow": 1}).encode()),
            "unknown-field",
        ),
        (Request(RUN, "/compose-model"), "provider"),
        (Request("GET", "/containers/shop-thing/attach/ws"), "unknown-request"),
        (Request("PATCH", "/containers/create"), "unknown-request"),
        (Request("post", "/containers/create"), "unknown-request"),
        (post("//containers/create", {}), "unreadable"),
        (post("/containers/../containers/create", {}), "unreadable"),
        (post("/v1.41/containers/prune"), "unknown-request"),
    ],
    ids=str,
)
def test_other_calls_are_judged_too(request_: Request, rule: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")

    assert rule in rules(request_)


@pytest.mark.parametrize(
    "request_",
    [
        create({"NetworkMode": "shop_default", "PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}}),
        create({"Binds": ["/checkout/data:/x", "shop_data:/y:ro"], "CapAdd": ["NET_RAW"], "CapDrop": ["ALL"]}),
        create(
            {"Mounts": [{"Type": "volume", "Source": "shop-thing", "Target": "/x", "VolumeOptions": {"NoCopy": True}}]}
        ),
        create({"Sysctls": {"net.ipv4.ip_forward": "1"}, "Ulimits": [{"Name": "nofile"}], "Tmpfs": {"/x": "size=1"}}),
        create({"SecurityOpt": ["no-new-privileges=true", "seccomp=builtin"], "PidsLimit": 100, "OomScoreAdj": 500}),
        create(
            {
                "Mounts": [
                    {
                        "Type": "bind",
                        "Source": "/engine/volumes/shop_web.files-0123456789ab/_data/0",
                        "Target": "/x",
                        "ReadOnly": True,
                    }
                ]
            }
        ),
        post("/containers/shop-thing/start"),
        post("/containers/gone/stop", query="?t=10"),
        post("/v1.41/containers/shop-thing/exec", {"Cmd": ["id"], "User": "1000", "Privileged": False}),
        post("/containers/shop-thing/update", {"Memory": 1, "RestartPolicy": {"Name": "always"}}),
        post("/networks/create", {"Name": "shop_default", "Labels": OWN, "CheckDuplicate": True, "Driver": "bridge"}),
        post("/volumes/create", {"Name": "shop_data", "Labels": OWN}),
        post("/images/create", query="?fromImage=nginx&tag=latest"),
        post("/images/sha256:1/tag", query="?repo=stack-revision&tag=shop.host.id"),
        Request("DELETE", "/containers/shop-thing", "?v=1&force=1"),
        Request("DELETE", "/images/stack-revision:shop.host.id"),
        Request("GET", "/containers/json", "?all=1"),
    ],
    ids=str,
)
def test_what_our_own_stacks_ask_for_passes(request_: Request) -> None:
    assert [] == rules(request_)


def test_a_gate_says_what_why_and_what_to_do() -> None:
    with pytest.raises(NotAdmitted) as caught:
        gate().admit(create({"Privileged": True}), World())

    assert "policy-privileged" == caught.value.ref
    assert "[privileged]" in caught.value.message
    assert "allow: [privileged]" in caught.value.hint


@pytest.mark.parametrize(
    ("host", "grants"),
    [
        ({"Binds": ["/srv/media/films:/x:ro"]}, {"binds": ("/srv/media:ro",)}),
        ({"Binds": ["/srv/media:/x"]}, {"binds": ("/srv/media",)}),
        ({"Binds": ["/etc/localtime:/x:ro"]}, {"binds": ("/etc/localtime:ro",)}),
        ({"Binds": ["/:/host:ro"]}, {"binds": ("/:ro",)}),
        ({"CapAdd": ["CAP_NET_ADMIN"]}, {"capabilities": ("net_admin",)}),
        ({"Devices": [{"PathOnHost": "/dev/dri/card0"}]}, {"devices": ("/dev/dri/*",)}),
        ({"PortBindings": {"443/tcp": [{"HostPort": "443"}]}}, {"ports": ("443",)}),
        ({"PortBindings": {"443/tcp": [{"HostIp": "10.0.0.1", "HostPort": "443"}]}}, {"ports": ("0.0.0.0:443/tcp",)}),
        (
            {"PortBindings": {"53/udp": [{"HostIp": "127.0.0.1", "HostPort": "53"}]}},
            {"ports": ("127.0.0.1:50-60/udp",)},
        ),
        ({"SecurityOpt": ["no-new-privileges", "apparmor=mine"]}, {"security_opt": ("apparmor:mine",)}),
        ({"SecurityOpt": ["no-new-privileges", 'seccomp={"a":1}']}, {"security_opt": ("seccomp",)}),
        ({"Sysctls": {"vm.max_map_count": "1"}}, {"sysctls": ("vm.max_map_count",)}),
        ({"Runtime": "runsc"}, {"runtimes": ("runsc",)}),
        ({"NetworkMode": "other-thing"}, {"networks": ("other-thing",)}),
        ({"NetworkMode": "container:other-thing"}, {"containers": ("other-thing",)}),
        ({"Binds": ["other-thing:/x"]}, {"volumes": ("other-thing",)}),
        ({"LogConfig": {"Type": "gelf"}}, {"log_drivers": ("gelf",)}),
        ({"Privileged": True}, {"allow": ("privileged",)}),
        ({"PidsLimit": 9000}, {"pids": 10000}),
        ({"SecurityOpt": []}, {"allow": ("new-privileges",)}),
    ],
    ids=str,
)
def test_what_is_granted_passes(host: dict[str, Any], grants: dict[str, Any]) -> None:
    assert [] != rules(create(host))
    assert [] == rules(create(host), **grants)


@pytest.mark.parametrize("rule", ["unknown-field", "unknown-request", "unreadable"])
def test_no_grant_makes_the_gate_pass_what_it_does_not_understand(rule: str) -> None:
    assert ["unknown-field"] == rules(create({"FieldOfTomorrow": 1}), allow=(rule,))


def test_a_grant_to_use_a_thing_is_none_to_remove_it() -> None:
    assert ["foreign-volume"] == rules(Request("DELETE", "/volumes/other-thing"), volumes=("other-thing",))


def test_a_grant_for_a_folder_is_none_for_the_engines_socket_in_it() -> None:
    assert ["bind"] == rules(create({"Binds": ["/srv/engine.sock:/x"]}), binds=("/srv",))
    assert ["bind"] == rules(create({"Binds": ["/srv/./:/x"]}), binds=("/srv/media", "/"))
    assert [] == rules(create({"Binds": ["/srv/engine.sock:/x"]}), binds=("/srv/engine.sock",))


def test_registries_are_all_there_is_where_they_are_named() -> None:
    names = ("docker.io", "ghcr.io/acme")

    assert [] == rules(create(Image="nginx:1"), registries=names)
    assert [] == rules(create(Image="ghcr.io/acme/app"), registries=names)
    assert ["registry"] == rules(create(Image="ghcr.io/acme-evil/app"), registries=names)
    assert ["registry"] == rules(post("/images/create", query="?fromImage=quay.io/app&tag=1"), registries=names)
    assert [] == rules(create(Image="shop-web"), registries=("ghcr.io",), setting={"built": frozenset(("shop-web",))})
