"""Small builders for stacks: a dict in the words of the file, in a compact notation of the tests' own, becomes a ``Stack``.

Not the loader: no files, no interpolation, no validation. Tests of the planner say only what matters to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator.model import fingerprint
from orchestrator.model.container import Container
from orchestrator.model.front_ends import with_front_ends
from orchestrator.model.rollout import FailureAction, Order, Rollout
from orchestrator.model.stack import (
    AddressPool,
    Build,
    Condition,
    Dependency,
    Deploy,
    Hook,
    Network,
    Placement,
    Provider,
    PullPolicy,
    RollbackScope,
    SecretPlace,
    Service,
    Stack,
    Volume,
)
from orchestrator.model.values import (
    SECOND,
    Attachment,
    FileGrant,
    FileKind,
    Healthcheck,
    Mount,
    MountType,
    Port,
    Resources,
    RestartPolicy,
)

KEY = b"key of the tests"
_SIZES = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
_CONDITIONS = {"started": Condition.STARTED, "healthy": Condition.HEALTHY, "completed": Condition.COMPLETED}


def stack(services: Mapping[str, Mapping[str, Any]], name: str = "shop", **top: Any) -> Stack:
    """A stack of these services. Networks and volumes that services name are declared for them."""
    built = {key: service(key, dict(given or {}), name) for key, given in services.items()}
    if top.get("secrets") == "tmpfs":
        built = {key: _in_memory(made) for key, made in built.items()}
    networks = dict.fromkeys((n for s in built.values() for n in s.container.networks), None) | dict(
        top.get("networks") or {}
    )
    volumes = dict.fromkeys((m.key for s in built.values() for m in s.container.mounts if m.key), None)
    volumes |= dict(top.get("volumes") or {})
    made = Stack(
        name=name,
        services=built,
        disabled=frozenset(top.get("disabled") or ()),
        networks={key: network(key, given or {}, name) for key, given in networks.items()},
        volumes={key: volume(key, given or {}, name) for key, given in volumes.items()},
        secret_values=frozenset(top.get("secret_values") or ()),
        key=KEY,
        rollback=RollbackScope(top.get("rollback", "service")),
        secrets=SecretPlace(top.get("secrets", "disk")),
    )
    return with_front_ends(made)


def _in_memory(made: Service) -> Service:
    files = tuple(replace(grant, in_memory=grant.content is not None) for grant in made.container.files)
    return replace(made, container=replace(made.container, files=files))


def network(key: str, given: Mapping[str, Any], stack_name: str) -> Network:
    external = bool(given.get("external"))
    return Network(
        key=key,
        name=given.get("name") or (key if external else f"{stack_name}_{key}"),
        external=external,
        driver=given.get("driver", ""),
        driver_opts=given.get("driver_opts", {}),
        internal=given.get("internal", False),
        labels=given.get("labels", {}),
        ipam=tuple(AddressPool(subnet=subnet) for subnet in given.get("subnets", ())),
    )


def volume(key: str, given: Mapping[str, Any], stack_name: str) -> Volume:
    external = bool(given.get("external"))
    return Volume(
        key=key,
        name=given.get("name") or (key if external else f"{stack_name}_{key}"),
        external=external,
        driver=given.get("driver", ""),
        driver_opts=given.get("driver_opts", {}),
        labels=given.get("labels", {}),
        protect=given.get("protect", False),
        exclusive=given.get("exclusive", False),
    )


def service(name: str, given: dict[str, Any], stack_name: str) -> Service:
    """The service, and with it its container template."""
    known = {
        "replicas": given.pop("replicas", 1),
        "container_name": given.pop("container_name", ""),
        "pull_policy": PullPolicy(given.pop("pull_policy", "missing")),
        "pull_every_ns": int(given.pop("pull_every", 0)) * SECOND,
        "depends_on": _dependencies(given.pop("depends_on", {})),
        "rollout": _rollout(given.pop("rollout", {})),
        "deploy": _deploy(given),
        "build": _build(given.pop("build", None)),
        "provider": _provider(given.pop("provider", None)),
        "pre_start": _hooks(given.pop("pre_start", ())),
        "post_start": _hooks(given.pop("post_start", ())),
        "pre_stop": _hooks(given.pop("pre_stop", ())),
    }
    if known["build"] is not None:
        given.setdefault("image", f"{stack_name}-{name}")
    return Service(name=name, container=container(given, stack_name), **known)


def container(given: dict[str, Any], stack_name: str = "shop") -> Container:
    mode = given.pop("network_mode", "")
    resources = Resources(memory=_size(given.pop("memory", None)), nano_cpus=given.pop("nano_cpus", None))
    grants = tuple(_grant(name, what) for name, what in dict(given.pop("secrets", {})).items())
    result = Container(
        image=given.pop("image", "app:1"),
        command=_words(given.pop("command", None)),
        entrypoint=_words(given.pop("entrypoint", None)),
        environment=dict(given.pop("environment", {})),
        labels=dict(given.pop("labels", {})),
        ports=tuple(_port(text) for text in given.pop("ports", ())),
        expose=tuple(str(port) for port in given.pop("expose", ())),
        mounts=tuple(_mount(text, stack_name) for text in given.pop("volumes", ())),
        files=grants,
        networks={} if mode else _attachments(given.pop("networks", ["default"])),
        network_mode=mode,
        volumes_from=tuple(given.pop("volumes_from", ())),
        links=tuple(given.pop("links", ())),
        restart=RestartPolicy(given.pop("restart", "always")),
        healthcheck=Healthcheck(("CMD", "check")) if given.pop("healthcheck", False) else None,
        resources=resources,
        user=given.pop("user", ""),
        hostname=given.pop("hostname", ""),
        mem_swappiness=given.pop("mem_swappiness", None),
    )
    if given:
        raise ValueError(f"the tests' notation does not know {sorted(given)}")
    return result


def _deploy(given: dict[str, Any]) -> Deploy:
    return Deploy(
        endpoint_mode=given.pop("endpoint_mode", ""),
        mode=given.pop("mode", "replicated"),
        placement=Placement(
            constraints=tuple(given.pop("constraints", ())), max_replicas_per_node=given.pop("most_per_host", None)
        ),
        reserved_nano_cpus=given.pop("reserved_nano_cpus", None),
        rollback=_rollout(given.pop("rollback")) if "rollback" in given else None,
    )


def _dependencies(given: Any) -> dict[str, Dependency]:
    if isinstance(given, list):
        return {name: Dependency() for name in given}
    return {name: _dependency(how) for name, how in given.items()}


def _dependency(how: Any) -> Dependency:
    if isinstance(how, str):
        return Dependency(_CONDITIONS[how])
    return Dependency(
        _CONDITIONS[how.get("condition", "started")], how.get("required", True), how.get("restart", False)
    )


def _rollout(given: Mapping[str, Any]) -> Rollout:
    return Rollout(
        parallelism=given.get("parallelism", 1),
        delay_ns=int(given.get("delay", 0) * SECOND),
        order=Order(given.get("order", "stop-first")),
        failure_action=FailureAction(given.get("failure_action", "rollback")),
        monitor_ns=int(given.get("monitor", 5) * SECOND),
        monitor_given="monitor" in given,
        max_failure_ratio=given.get("max_failure_ratio", 0.0),
    )


def _build(given: Any) -> Build | None:
    if not given:
        return None
    more = given if isinstance(given, dict) else {}
    return Build(
        context=more.get("context", "/src"),
        additional_contexts=more.get("additional_contexts", {}),
        version=more.get("version", ""),
    )


def _provider(given: Any) -> Provider | None:
    return Provider(type=given) if given else None


def _hooks(given: Any) -> tuple[Hook, ...]:
    return tuple(Hook(command=tuple(text.split())) for text in given)


def _words(given: Any) -> tuple[str, ...] | None:
    return tuple(given.split()) if isinstance(given, str) else given if given is None else tuple(given)


def _size(given: Any) -> int | None:
    return int(given[:-1]) * _SIZES[given[-1]] if isinstance(given, str) else given


def _port(text: str) -> Port:
    published, _, target = str(text).rpartition(":")
    return Port(int(target), published)


def _mount(text: str, stack_name: str) -> Mount:
    source, _, target = text.rpartition(":")
    if not source:
        return Mount(MountType.VOLUME, target)
    if source.startswith("/"):
        return Mount(MountType.BIND, target, source)
    return Mount(MountType.VOLUME, target, f"{stack_name}_{source}", source)


def _attachments(given: Any) -> dict[str, Attachment]:
    if isinstance(given, list):
        return {key: Attachment() for key in given}
    return {
        key: Attachment(aliases=tuple((how or {}).get("aliases", ())), ipv4_address=(how or {}).get("ipv4", ""))
        for key, how in given.items()
    }


def _grant(name: str, content: str) -> FileGrant:
    """A secret: from a file of the host where it begins with a slash (``/host/file=content``), else copied, perhaps with a
    mode of its own (``0400:content``)."""
    if content[:1] == "0" and content[4:5] == ":":
        return replace(_grant(name, content[5:]), mode=int(content[:4], 8))
    source, separator, text = content.partition("=")
    data = (text if separator else content).encode()
    digest = fingerprint.digest(KEY, data)
    target = f"/run/secrets/{name}"
    if separator:
        return FileGrant(FileKind.SECRET, name, target, source=source, digest=digest)
    return FileGrant(FileKind.SECRET, name, target, content=data, digest=digest)
