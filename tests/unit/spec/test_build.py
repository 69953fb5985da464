"""From a file to the ``Stack``: every setting typed, in the engine's units, with what it needs from the project."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import LimitExceeded, RuleViolation, StackError
from orchestrator.model import fingerprint
from orchestrator.model.container import Container
from orchestrator.model.rollout import FailureAction, Order, RestartCondition, Rollout
from orchestrator.model.stack import (
    AddressPool,
    Build,
    BuildSecret,
    Condition,
    Deploy,
    Hook,
    LanguageModel,
    Network,
    Placement,
    Provider,
    PullPolicy,
    Service,
    Stack,
    Volume,
    WatchRule,
)
from orchestrator.model.values import (
    SECOND,
    Attachment,
    BlkioConfig,
    Device,
    DeviceRate,
    DeviceRequest,
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
from orchestrator.spec.build import to_stack
from orchestrator.spec.load import LoadRequest, load_canonical

KEY = b"a key"
MIB = 1024 * 1024


def stack(directory: Path, text: str, **options: Any) -> Stack:
    """The stack of a file, standing in ``directory``."""
    (directory / "compose.yaml").write_text(f"name: shop\n{text}", encoding="utf-8")
    request = LoadRequest(environment={"HOME": "/root", "TOKEN": "s3cret"}, current_directory=str(directory))
    loaded = load_canonical(request)
    return to_stack(loaded.model, name=loaded.name, working_dir=loaded.working_dir, key=KEY, **options)


def service(directory: Path, setting: str) -> Service:
    """The service `web` of a file in which it has ``setting``."""
    rest = "  db: {image: y}\nvolumes: {data: }\nnetworks: {front: , back: }\n"
    return stack(directory, f"services:\n  web:\n    image: x\n    {setting}\n{rest}").services["web"]


def refusal(directory: Path, text: str, kind: type[StackError] = RuleViolation) -> StackError:
    with pytest.raises(kind) as caught:
        stack(directory, text)
    return caught.value


SETTINGS: list[tuple[str, str, Any]] = [
    ("platform: linux/arm64", "platform", "linux/arm64"),
    ("command: httpd -f 'a b'", "command", ("httpd", "-f", "a b")),
    ("command: []", "command", ()),
    ("command:", "command", None),
    ("entrypoint: [sh, -c]", "entrypoint", ("sh", "-c")),
    ("environment: {A: 1, B: , HOME: }", "environment", {"A": "1", "B": None, "HOME": "/root"}),
    ("user: '1000:1000'", "user", "1000:1000"),
    ("working_dir: /srv", "working_dir", "/srv"),
    ("hostname: h", "hostname", "h"),
    ("domainname: d", "domainname", "d"),
    ("tty: true", "tty", True),
    ("stdin_open: true", "stdin_open", True),
    ("labels: [a=1, b]", "labels", {"a": "1", "b": ""}),
    ("annotations: {a: 1}", "annotations", {"a": "1"}),
    ("stop_signal: SIGINT", "stop_signal", "SIGINT"),
    ("stop_grace_period: 1m30s", "stop_grace_period_ns", 90 * SECOND),
    ("stop_grace_period: 500ms", "stop_grace_period_ns", SECOND // 2),
    ("healthcheck: {disable: true}", "healthcheck", Healthcheck(("NONE",))),
    ("healthcheck: {test: a b}", "healthcheck", Healthcheck(("CMD-SHELL", "a b"))),
    (
        "healthcheck: {test: [CMD, a], interval: 1s, timeout: 2s, start_period: 3s, start_interval: 4s, retries: 5}",
        "healthcheck",
        Healthcheck(("CMD", "a"), SECOND, 2 * SECOND, 3 * SECOND, 4 * SECOND, 5),
    ),
    ("init: false", "init", False),
    ("privileged: true", "privileged", True),
    ("read_only: true", "read_only", True),
    ("cap_add: [NET_ADMIN]", "cap_add", ("NET_ADMIN",)),
    ("cap_drop: [ALL]", "cap_drop", ("ALL",)),
    ("security_opt: [no-new-privileges:true]", "security_opt", ("no-new-privileges:true",)),
    ("devices: [/dev/a:/dev/b:r]", "devices", (Device("/dev/a", "/dev/b", "r"),)),
    ("device_cgroup_rules: ['c 1:3 mr']", "device_cgroup_rules", ("c 1:3 mr",)),
    ("gpus: all", "device_requests", (DeviceRequest(("gpu",), count=-1),)),
    (
        "gpus: [{driver: nvidia, device_ids: ['0'], options: {a: 1}}]",
        "device_requests",
        (DeviceRequest(("gpu",), "nvidia", None, ("0",), {"a": "1"}),),
    ),
    (
        "deploy: {resources: {reservations: {devices: [{capabilities: [gpu, tpu], count: 2}]}}}",
        "device_requests",
        (DeviceRequest(("gpu", "tpu"), count=2),),
    ),
    ("group_add: [audio, 7]", "group_add", ("audio", "7")),
    ("dns: 8.8.8.8", "dns", ("8.8.8.8",)),
    ("dns_opt: [use-vc]", "dns_opt", ("use-vc",)),
    ("dns_search: [a, b]", "dns_search", ("a", "b")),
    ("extra_hosts: {a: 1.1.1.1, b: '::1'}", "extra_hosts", ("a:1.1.1.1", "b:::1")),
    ("links: [db, 'db:database']", "links", ("db:db", "db:database")),
    ("external_links: [old, 'older:o']", "external_links", ("old:old", "older:o")),
    ("network_mode: host", "network_mode", "host"),
    ("ports: ['80']", "ports", (Port(80),)),
    (
        "ports: ['127.0.0.1:8000-8001:80-81/udp']",
        "ports",
        (Port(80, "8000", "udp", "127.0.0.1"), Port(81, "8001", "udp", "127.0.0.1")),
    ),
    (
        "ports: [{target: 80, published: 8000-8005, mode: host, name: web, app_protocol: http}]",
        "ports",
        (Port(80, "8000-8005", "tcp", "", "host", "web", "http"),),
    ),
    ("expose: [80, 90-92/udp]", "expose", ("80/tcp", "90-92/udp")),
    ("volumes_from: ['db:ro', 'container:c']", "volumes_from", ("db:ro", "container:c")),
    ("ipc: shareable", "ipc", "shareable"),
    ("pid: service:db", "pid", "service:db"),
    ("uts: host", "uts", "host"),
    ("userns_mode: host", "userns_mode", "host"),
    ("cgroup: private", "cgroup", "private"),
    ("cgroup_parent: c", "cgroup_parent", "c"),
    ("isolation: hyperv", "isolation", "hyperv"),
    ("runtime: runsc", "runtime", "runsc"),
    ("logging: {driver: json-file, options: {max-size: 1m}}", "logging", Logging("json-file", {"max-size": "1m"})),
    ("sysctls: {net.core.somaxconn: 1024}", "sysctls", {"net.core.somaxconn": "1024"}),
    ("ulimits: {nproc: 5, nofile: {soft: 1, hard: -1}}", "ulimits", {"nproc": Ulimit(5, 5), "nofile": Ulimit(1, -1)}),
    ("shm_size: 64m", "shm_size", 64 * MIB),
    ("storage_opt: {size: 1G}", "storage_opt", {"size": "1G"}),
    ("oom_kill_disable: true", "oom_kill_disable", True),
    ("oom_score_adj: -500", "oom_score_adj", -500),
    ("mac_address: 02:42:ac:11:65:43", "mac_address", "02:42:ac:11:65:43"),
    ("mem_swappiness: 10", "mem_swappiness", 10),
    ("cpu_count: 2", "cpu_count", 2),
    ("cpu_percent: 50", "cpu_percent", 50),
    ("credential_spec: {file: a.json}", "credential_spec", {"file": "a.json"}),
    ("use_api_socket: true", "use_api_socket", True),
    ("restart: on-failure:3", "restart", RestartPolicy("on-failure", 3)),
    ("restart: 'no'", "restart", RestartPolicy()),
    ("deploy: {restart_policy: {condition: on-failure, max_attempts: 2}}", "restart", RestartPolicy("on-failure", 2)),
    ("deploy: {restart_policy: {delay: 1s}}", "restart", RestartPolicy("always")),
    ("deploy: {restart_policy: {condition: none}}", "restart", RestartPolicy("no")),
    ("networks: [back, front]", "networks", {"back": Attachment(), "front": Attachment()}),
    ("volumes: [/data]", "mounts", (Mount(MountType.VOLUME, "/data"),)),
    ("volumes: ['data:/d:ro']", "mounts", (Mount(MountType.VOLUME, "/d", "shop_data", "data", read_only=True),)),
    (
        "volumes: ['/a:/b:ro,z,rslave']",
        "mounts",
        (Mount(MountType.BIND, "/b", "/a", "", True, "", True, "rslave", "", "z"),),
    ),
    ("volumes: [{type: bind, source: /a, target: /b}]", "mounts", (Mount(MountType.BIND, "/b", "/a"),)),
    (
        "volumes: [{type: bind, source: /a, target: /b, bind: {recursive: readonly}}]",
        "mounts",
        (Mount(MountType.BIND, "/b", "/a", create_host_path=True, recursive="readonly"),),
    ),
    (
        "volumes: [{type: bind, source: /a, target: /b, bind: {create_host_path: false}}]",
        "mounts",
        (Mount(MountType.BIND, "/b", "/a"),),
    ),
    (
        "volumes: [{type: volume, source: data, target: /d, volume: {nocopy: true, subpath: s, labels: {a: b}}}]",
        "mounts",
        (Mount(MountType.VOLUME, "/d", "shop_data", "data", nocopy=True, subpath="s", labels={"a": "b"}),),
    ),
    (
        "volumes: [{type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 0o1777}}]",
        "mounts",
        (Mount(MountType.TMPFS, "/t", tmpfs_size=MIB, tmpfs_mode=0o1777),),
    ),
    (
        "volumes: [{type: image, source: busybox, target: /i, image: {subpath: bin}}]",
        "mounts",
        (Mount(MountType.IMAGE, "/i", "busybox", subpath="bin"),),
    ),
    (
        "tmpfs: [/run, '/tmp:size=1m']",
        "mounts",
        (Mount(MountType.TMPFS, "/run"), Mount(MountType.TMPFS, "/tmp", tmpfs_options="size=1m")),
    ),
]


@pytest.mark.parametrize(("setting", "attribute", "expected"), SETTINGS, ids=lambda part: str(part)[:40])
def test_a_setting_of_a_container(setting: str, attribute: str, expected: Any, tmp_path: Path) -> None:
    assert expected == getattr(service(tmp_path, setting).container, attribute)


RESOURCES: list[tuple[str, Resources]] = [
    ("cpus: 1.5", Resources(nano_cpus=1_500_000_000)),
    (
        "deploy: {resources: {limits: {cpus: '0.001', memory: 1m, pids: 7}}}",
        Resources(1_000_000, memory=MIB, pids_limit=7),
    ),
    ("deploy: {resources: {reservations: {memory: 1m}}}", Resources(memory_reservation=MIB)),
    (
        "{mem_limit: 2m, mem_reservation: 1m, memswap_limit: -1, image: x}",
        Resources(memory=2 * MIB, memory_reservation=MIB, memory_swap=-1),
    ),
    ("pids_limit: -1", Resources(pids_limit=-1)),
    (
        "{cpu_shares: 1, cpu_period: 2, cpu_quota: 3, cpu_rt_period: 4, cpu_rt_runtime: 5, cpuset: '0,1', image: x}",
        Resources(None, 1, 2, 3, 4, 5, "0,1"),
    ),
    (
        "blkio_config: {weight: 300, weight_device: [{path: /a, weight: 9}], device_read_bps: [{path: /b, rate: 1k}]}",
        Resources(blkio=BlkioConfig(300, (DeviceRate("/a", 9),), (DeviceRate("/b", 1024),))),
    ),
]


@pytest.mark.parametrize(("setting", "expected"), RESOURCES, ids=lambda part: str(part)[:40])
def test_limits(setting: str, expected: Resources, tmp_path: Path) -> None:
    body = setting if setting.startswith("{") else f"{{image: x, {setting}}}"

    assert expected == stack(tmp_path, f"services:\n  web: {body}\n").services["web"].container.resources


SERVICE: list[tuple[str, str, Any]] = [
    ("scale: 3", "replicas", 3),
    ("deploy: {replicas: 0}", "replicas", 0),
    ("container_name: my-web", "container_name", "my-web"),
    ("pull_policy: always", "pull_policy", PullPolicy.ALWAYS),
    ("pull_policy: if_not_present", "pull_policy", PullPolicy.MISSING),
    ("pull_policy: every_12h", "pull_every_ns", 12 * 3600 * SECOND),
    ("pull_policy: weekly", "pull_policy", PullPolicy.EVERY),
    ("attach: false", "attach", False),
    ("x-note: {a: [1]}", "extensions", {"x-note": {"a": [1]}}),
    (
        "develop: {watch: [{path: /s, action: sync+exec, target: /t, ignore: a, exec: {command: x y}}]}",
        "watch",
        (WatchRule(path="/s", action="sync+exec", target="/t", ignore=("a",), exec=Hook(command=("x", "y"))),),
    ),
    (
        "develop: {watch: [{path: /s, action: sync, target: /t, include: [a], initial_sync: true}]}",
        "watch",
        (WatchRule(path="/s", action="sync", target="/t", include=("a",), initial_sync=True),),
    ),
    (
        "pre_start: [{command: [a], per_replica: true, environment: [B=1]}]",
        "pre_start",
        (Hook(command=("a",), image="x", per_replica=True, environment={"B": "1"}),),
    ),
    (
        "post_start: [{command: a, user: u, privileged: true, working_dir: /w}]",
        "post_start",
        (Hook(command=("a",), user="u", privileged=True, working_dir="/w"),),
    ),
    ("pre_stop: [{command: a}]", "pre_stop", (Hook(command=("a",)),)),
    (
        "provider: {type: t, options: {a: 1, b: [x, 2]}}",
        "provider",
        Provider(type="t", options={"a": ("1",), "b": ("x", "2")}),
    ),
    (
        "deploy: {update_config: {parallelism: 0, delay: 1s, order: start-first, failure_action: pause, monitor: 9s}}",
        "rollout",
        Rollout(0, SECOND, Order.START_FIRST, FailureAction.PAUSE, 9 * SECOND, True),
    ),
    ("deploy: {update_config: {max_failure_ratio: 0.25}}", "rollout", Rollout(max_failure_ratio=0.25)),
    (
        "deploy: {mode: global, endpoint_mode: dnsrr, labels: {a: b}, rollback_config: {parallelism: 2}}",
        "deploy",
        Deploy(
            mode="global",
            endpoint_mode="dnsrr",
            labels={"a": "b"},
            rollback=Rollout(2, failure_action=FailureAction.PAUSE),
        ),
    ),
    (
        "deploy: {placement: {constraints: [node.id == c], preferences: [{spread: s}], max_replicas_per_node: 1}}",
        "deploy",
        Deploy(placement=Placement(constraints=("node.id == c",), preferences=("s",), max_replicas_per_node=1)),
    ),
    (
        "deploy: {restart_policy: {condition: any, delay: 1s, max_attempts: 2, window: 3s}}",
        "deploy",
        Deploy(restart=RestartCondition("any", SECOND, 2, 3 * SECOND)),
    ),
    (
        "deploy: {resources: {reservations: {generic_resources: [{discrete_resource_spec: {kind: S, value: 2}}]}}}",
        "deploy",
        Deploy(generic_resources=(("S", 2),)),
    ),
    (
        "deploy: {resources: {reservations: {cpus: 0.5}}}",
        "deploy",
        Deploy(reserved_nano_cpus=500_000_000),
    ),
]


@pytest.mark.parametrize(("setting", "attribute", "expected"), SERVICE, ids=lambda part: str(part)[:40])
def test_a_setting_of_a_service(setting: str, attribute: str, expected: Any, tmp_path: Path) -> None:
    assert expected == getattr(service(tmp_path, setting), attribute)


def test_a_service_that_says_nothing_has_the_defaults(tmp_path: Path) -> None:
    plain = stack(tmp_path, "services: {web: {image: x}}").services["web"]

    assert Service(name="web", container=Container(image="x", networks={"default": Attachment()})) == plain


def test_networks_are_joined_by_priority_then_by_name(tmp_path: Path) -> None:
    web = service(
        tmp_path, "networks: {front: {priority: 1, aliases: [a], gw_priority: 2}, back: {priority: 5}, default: }"
    )

    assert ["back", "front", "default"] == list(web.container.networks)
    assert Attachment(("a",), priority=1, gw_priority=2) == web.container.networks["front"]


def test_dependencies_know_whether_they_were_written_out(tmp_path: Path) -> None:
    text = """
services:
  web:
    image: x
    depends_on: {db: {condition: service_healthy, restart: true}}
    links: [cache]
    volumes_from: [db]
  db: {image: x}
  cache: {image: x}
"""
    found = stack(tmp_path, text).services["web"].depends_on

    assert (Condition.HEALTHY, True, False) == (found["db"].condition, found["db"].restart, found["db"].implicit)
    assert (Condition.STARTED, True, True) == (
        found["cache"].condition,
        found["cache"].restart,
        found["cache"].implicit,
    )


def test_a_build(tmp_path: Path) -> None:
    text = """
services:
  web:
    build:
      context: ./app
      args: {A: 1}
      ssh: [default, work=/key]
      secrets: [{source: token, target: t, mode: "0400"}, file]
      extra_hosts: [a=1.1.1.1]
      shm_size: 1m
      ulimits: {nofile: 5}
      provenance: true
      tags: [a, b]
      no_cache_filter: tests
      additional_contexts: {base: service:base}
  base: {build: .}
secrets: {token: {environment: TOKEN}, file: {file: ./secret}}
"""
    web = stack(tmp_path, text).services["web"]

    assert "shop-web" == web.container.image
    assert (
        Build(
            context=str(tmp_path / "app"),
            args={"A": "1"},
            ssh=("default", "work=/key"),
            secrets=(
                BuildSecret(id="t", environment="TOKEN", content=b"s3cret", mode=0o400),
                BuildSecret(id="file", source=str(tmp_path / "secret")),
            ),
            extra_hosts=("a:1.1.1.1",),
            shm_size=MIB,
            ulimits={"nofile": Ulimit(5, 5)},
            provenance="true",
            tags=("a", "b"),
            no_cache_filter=("tests",),
            additional_contexts={"base": "service:base"},
        )
        == web.build
    )


def test_networks_volumes_and_models(tmp_path: Path) -> None:
    text = """
services: {web: {image: x, networks: [n, e], volumes: ["vol:/v", "ext:/e"], models: {m: {endpoint_var: U}}}}
networks:
  n:
    driver: bridge
    driver_opts: {mtu: 1450}
    internal: true
    attachable: true
    enable_ipv4: false
    enable_ipv6: true
    ipam: {driver: d, options: {o: p}, config: [{subnet: 10.0.0.0/8, gateway: 10.0.0.1, aux_addresses: {a: 10.0.0.2}}]}
    labels: {l: 1}
  e: {external: true, name: outside}
volumes:
  vol: {driver: local, driver_opts: {type: tmpfs}, labels: {l: 1}, x-stack: {protect: true, exclusive: true}}
  ext: {external: true}
models: {m: {model: ai/x, context_size: 10, runtime_flags: [a]}}
"""
    made = stack(tmp_path, text)

    pool = AddressPool(subnet="10.0.0.0/8", gateway="10.0.0.1", aux_addresses={"a": "10.0.0.2"})
    assert Network(key="e", name="outside", external=True) == made.networks["e"]
    assert (
        Network(
            key="n",
            name="shop_n",
            driver="bridge",
            driver_opts={"mtu": "1450"},
            internal=True,
            attachable=True,
            enable_ipv4=False,
            enable_ipv6=True,
            ipam_driver="d",
            ipam_options={"o": "p"},
            ipam=(pool,),
            labels={"l": "1"},
        )
        == made.networks["n"]
    )
    labelled = Volume(
        key="vol",
        name="shop_vol",
        driver="local",
        driver_opts={"type": "tmpfs"},
        labels={"l": "1"},
        protect=True,
        exclusive=True,
    )
    assert {"vol": labelled, "ext": Volume(key="ext", name="ext", external=True)} == made.volumes
    assert {"m": LanguageModel(key="m", model="ai/x", context_size=10, runtime_flags=("a",))} == made.models
    assert {"m": {"endpoint_var": "U"}} == made.services["web"].models


def test_a_file_is_mounted_unless_it_has_an_owner_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "site.conf").write_text("listen 80", encoding="utf-8")
    text = """
services:
  web:
    image: x
    configs: [site, {source: site, target: /etc/own.conf, uid: "7", mode: "0440"}, {source: inline, target: rel}]
    secrets: [token, {source: token, target: /other}]
configs: {site: {file: ./site.conf}, inline: {content: hello}}
secrets: {token: {environment: TOKEN}}
"""
    made = stack(tmp_path, text)

    digest = fingerprint.digest(KEY, b"listen 80")
    secret = fingerprint.digest(KEY, b"s3cret")
    assert (
        FileGrant(FileKind.CONFIG, "site", "/site", source=str(tmp_path / "site.conf"), digest=digest),
        FileGrant(FileKind.CONFIG, "site", "/etc/own.conf", content=b"listen 80", digest=digest, uid="7", mode=0o440),
        FileGrant(FileKind.CONFIG, "inline", "/rel", content=b"hello", digest=fingerprint.digest(KEY, b"hello")),
        FileGrant(FileKind.SECRET, "token", "/run/secrets/token", content=b"s3cret", digest=secret),
        FileGrant(FileKind.SECRET, "token", "/other", content=b"s3cret", digest=secret),
    ) == made.services["web"].container.files
    assert frozenset({"s3cret"}) == made.secret_values
    assert "s3cret" not in repr(made)


def test_a_missing_file_is_named_where_it_is_declared(tmp_path: Path) -> None:
    text = "services:\n  web: {image: x, secrets: [token]}\nsecrets:\n  token:\n    file: ./none\n"

    error = refusal(tmp_path, text)

    assert "does not exist" in error.message
    assert "compose.yaml:6:11, secrets.token.file" == str(error.where)
    assert stack(tmp_path, text, read_contents=False).services["web"].container.files[0].source


def test_an_owner_of_more_digits_than_a_number_may_have_is_refused(tmp_path: Path) -> None:
    grant = f"{{source: c, uid: '{'9' * 5_000}'}}"
    text = f"services:\n  web:\n    image: x\n    configs: [{grant}]\nconfigs: {{c: {{content: a}}}}\n"

    assert "is no numeric id" in refusal(tmp_path, text).message


def test_an_owner_is_a_number(tmp_path: Path) -> None:
    text = "services:\n  web:\n    image: x\n    configs: [{source: c, uid: nginx}]\nconfigs: {c: {content: a}}\n"

    error = refusal(tmp_path, text)

    assert "`nginx` is no numeric id" == error.message
    assert "compose.yaml:5:" in str(error.where)


def test_a_variable_that_is_not_set_is_named(tmp_path: Path) -> None:
    error = refusal(tmp_path, "services: {web: {image: x, configs: [c]}}\nconfigs: {c: {environment: NOWHERE}}\n")

    assert "the environment variable `NOWHERE` is not set" == error.message


EXTERNAL = """services:
  web: {image: x, secrets: [{source: token, mode: "0400"}], configs: [site], build: {context: ., secrets: [token]}}
secrets:
  token:
    external: true
    name: api-token
configs:
  site:
    external: true
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """The host's store with one of each."""
    for kind, name, content in (("secrets", "api-token", "hush-hush"), ("configs", "site", "listen 80")):
        (tmp_path / "store" / kind).mkdir(parents=True)
        (tmp_path / "store" / kind / name).write_text(content)
        (tmp_path / "store" / kind / name).chmod(0o600)
    return tmp_path / "store"


def test_what_is_external_comes_from_the_hosts_store(tmp_path: Path, store: Path) -> None:
    made = stack(tmp_path, EXTERNAL, store=str(store))

    web = made.services["web"]
    config, secret = web.container.files
    assert ("/site", b"listen 80", None) == (config.target, config.content, config.mode)
    assert ("/run/secrets/token", b"hush-hush", 0o400) == (secret.target, secret.content, secret.mode)
    assert web.build is not None
    assert b"hush-hush" == web.build.secrets[0].content
    assert "hush-hush" in made.secret_values


def _readable(store: Path) -> None:
    (store / "secrets" / "api-token").chmod(0o644)


def _changeable(store: Path) -> None:
    (store / "secrets").chmod(0o777)


def _foreign(store: Path) -> None:
    os.chown(store / "secrets" / "api-token", 12345, 12345)


def _gone(store: Path) -> None:
    (store / "secrets" / "api-token").unlink()


def _pipe(store: Path) -> None:
    _gone(store)
    os.mkfifo(store / "secrets" / "api-token")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (_readable, "can be read by others"),
        (_changeable, "can be changed by others"),
        (_foreign, "can be changed by others"),
        (_gone, "is not on this host"),
        (_pipe, "is no regular file"),
    ],
)
def test_a_store_that_others_may_use_is_refused(
    wrong: Callable[[Path], None], message: str, tmp_path: Path, store: Path
) -> None:
    wrong(store)
    with pytest.raises(RuleViolation, match=message) as refused:
        stack(tmp_path, EXTERNAL, store=str(store))

    assert "compose.yaml:6:15, secrets.token.external" == str(refused.value.where)
    assert stack(tmp_path, EXTERNAL, store=str(store), read_contents=False)


def test_a_folder_that_nobody_else_may_enter_keeps_its_files_private(tmp_path: Path, store: Path) -> None:
    _readable(store)
    (store / "secrets").chmod(0o700)

    assert stack(tmp_path, EXTERNAL, store=str(store))


def test_an_external_name_leads_nowhere_else(tmp_path: Path, store: Path) -> None:
    with pytest.raises(RuleViolation, match="cannot be the name of an external secret"):
        stack(tmp_path, EXTERNAL.replace("api-token", "../configs/site"), store=str(store))


def test_a_seccomp_profile_is_found_from_the_project_and_given_inline(tmp_path: Path) -> None:
    """The engine keeps its text, so that a change of the file is seen."""
    (tmp_path / "p.json").write_text('{\n "defaultAction": "SCMP_ACT_ALLOW"\n}')
    web = service(tmp_path, "security_opt: [seccomp=./p.json, seccomp=unconfined]")

    assert ('seccomp={"defaultAction":"SCMP_ACT_ALLOW"}', "seccomp=unconfined") == web.container.security_opt


@pytest.mark.parametrize(("content", "reason"), [(None, "does not exist"), ("{", "cannot be used")])
def test_a_seccomp_profile_that_cannot_be_read_is_named(tmp_path: Path, content: str | None, reason: str) -> None:
    if content is not None:
        (tmp_path / "p.json").write_text(content)
    error = refusal(tmp_path, "services: {web: {image: x, security_opt: ['label=x', 'seccomp=./p.json']}}")

    assert f"the seccomp profile `{tmp_path}/p.json` {reason}" in error.message
    assert "services.web.security_opt.1" in str(error.where) or "services.web.security_opt[1]" in str(error.where)


REFUSED: list[tuple[str, str]] = [
    ("restart: sometimes", "`sometimes` is not a restart policy"),
    ("restart: always:3", "`always:3` is not a restart policy"),
    ("restart: on-failure:x", "`on-failure:x` is not a restart policy"),
    ("expose: ['99999']", "`99999` is not a port"),
    ("expose: [http]", "`http` is not a port"),
    ("deploy: {mode: globl}", "`globl` is none of"),
    ("deploy: {placement: {constraints: [node.role]}}", "a constraint is written KEY == VALUE"),
    ("deploy: {placement: {constraints: [disk == ssd]}}", "disk is no fact of a node"),
    ("deploy: {endpoint_mode: dns}", "`dns` is none of"),
    ("deploy: {restart_policy: {condition: always}}", "`always` is none of"),
    ("deploy: {update_config: {failure_action: rolback}}", "`rolback` is none of"),
    ("deploy: {rollback_config: {failure_action: rollback}}", "`rollback` is none of"),
    ("deploy: {update_config: {max_failure_ratio: 1.5}}", "`1.5` is out of range"),
    ("pull_policy: every_0s", "leaves no time"),
    ("cpus: 1e12", "out of range"),
    ("mac_address: zz", "`zz` is no MAC address"),
    ("networks: {default: {ipv4_address: 300.1.1.1}}", "`300.1.1.1` is no IPv4 address"),
    ("volumes: ['.:/']", "nothing can be mounted on the root of a container"),
]


@pytest.mark.parametrize(("setting", "message"), REFUSED, ids=lambda part: str(part)[:40])
def test_what_no_engine_could_take_is_refused_at_its_place(setting: str, message: str, tmp_path: Path) -> None:
    error = refusal(tmp_path, f"services:\n  web:\n    image: x\n    {setting}\n")

    assert message in error.message
    assert error.where is not None
    assert 5 == error.where.line
    assert error.where.path.startswith(f"services.web.{setting.partition(':')[0]}")


def test_a_name_that_no_image_can_have_is_refused_at_its_place(tmp_path: Path) -> None:
    error = refusal(tmp_path, "services:\n  web:\n    image: UPPER case\n")

    assert "`UPPER case` is no name of an image" in error.message
    assert error.where is not None
    assert (4, "services.web.image") == (error.where.line, error.where.path)


def test_secrets_in_memory_take_every_source_but_folders(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("pem", encoding="utf-8")
    (tmp_path / "keys").mkdir()
    text = """
x-stack: {secrets: tmpfs}
services:
  web: {image: x, secrets: [token, key], configs: [site]}
configs: {site: {content: plain}}
secrets: {token: {environment: TOKEN}, key: {file: ./key}}
"""
    files = {grant.name: grant for grant in stack(tmp_path, text).services["web"].container.files}

    assert {"token": True, "key": True, "site": False} == {name: grant.in_memory for name, grant in files.items()}
    assert b"pem" == files["key"].content
    error = refusal(tmp_path, text.replace("./key", "./keys"))
    assert "the secret `key` is a folder" in error.message


def test_all_bad_values_are_reported_together(tmp_path: Path) -> None:
    text = "services:\n  web: {image: x, restart: a, expose: [b]}\n  db: {image: x, deploy: {mode: c}}\n"

    error = refusal(tmp_path, text)

    assert isinstance(error, RuleViolation)
    assert 2 == len(error.others)


def test_a_billion_containers_are_refused_before_they_are_counted(tmp_path: Path) -> None:
    error = refusal(tmp_path, "services:\n  web:\n    image: x\n    scale: 1000000000\n", LimitExceeded)

    assert "limit replicas" in error.message
    assert "services.web.scale" in str(error.where)


def test_places_are_known_for_messages_to_come(tmp_path: Path) -> None:
    made = stack(tmp_path, "services:\n  a.b:\n    image: x\n    ports:\n      - 8080:80\n      - 8081:81\n")

    assert "compose.yaml:7:9, services.a.b.ports[1]" == str(made.where("services.a.b.ports[1]"))
    assert "compose.yaml:4:12, services.a.b.image.nothing" == str(made.where("services.a.b.image.nothing"))
    assert "elsewhere" == str(made.where("elsewhere"))
    assert ["services.a.b"] == [path for path in made.places if path.startswith("services.")]
