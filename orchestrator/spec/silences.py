"""What Compose accepts in silence and then ignores or weakens on one host, and what becomes of it here: for `stack lint`.

``silences`` looks at a final model. ``here`` says what is done where the field has its effect; where the loader warns
of the same place, its warning is what is said instead. So making a field work, which takes its warning away, is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from orchestrator.spec import advice, patterns
from orchestrator.spec.document import Map, Seq
from orchestrator.spec.patterns import Rules
from orchestrator.spec.values import Path


class Silence(NamedTuple):
    """``compose``: what Compose makes of it; ``here``: what is made of it here. ``rule`` is a stable name."""

    path: Path
    rule: str
    compose: str
    here: str


_IGNORED = "Compose ignores it"
_NAME_ONLY = "it is shown by `stack config`, and changes nothing"

# By pattern: the rule's name, what Compose does, what is done here where the field has an effect.
FIELDS: dict[str, tuple[str, str, str]] = {
    "services.*.credential_spec": ("credential-spec", _IGNORED, "it is handed to the engine"),
    "services.*.pull_refresh_after": ("pull-refresh-after", _IGNORED, "images are pulled again when they are this old"),
    "services.*.volumes.[].consistency": ("consistency", "Compose drops it on most mounts", "the engine gets it"),
    "services.*.deploy.update_config.parallelism": ("update-config", _IGNORED, "so many containers change at once"),
    "services.*.deploy.update_config.order": ("update-config", _IGNORED, "updates follow it"),
    "services.*.deploy.update_config.monitor": ("update-config", _IGNORED, "a new container is watched for so long"),
    "services.*.deploy.update_config.failure_action": ("update-config", _IGNORED, "a failed update ends as it says"),
    "services.*.deploy.update_config.delay": ("update-config", _IGNORED, "updates wait so long between batches"),
    "services.*.deploy.update_config.max_failure_ratio": ("update-config", _IGNORED, "updates bear so many failures"),
    "services.*.deploy.rollback_config": ("rollback-config", _IGNORED, "rollbacks follow it"),
    "services.*.deploy.placement": ("placement", _IGNORED, "constraints are checked against this host"),
    "services.*.deploy.endpoint_mode": ("endpoint-mode", _IGNORED, "it holds on this host"),
    "services.*.deploy.labels": ("deploy-labels", _IGNORED, "they are the service's own"),
    "services.*.deploy.restart_policy.delay": ("restart-policy", _IGNORED, "restarts wait so long"),
    "services.*.deploy.restart_policy.window": ("restart-policy", _IGNORED, "a restart counts as good after so long"),
    "services.*.deploy.resources.reservations.cpus": ("reservations", _IGNORED, "the host must have so many"),
    "services.*.deploy.resources.reservations.generic_resources": ("reservations", _IGNORED, "the host must have them"),
    "services.*.build.isolation": ("build-isolation", "Compose ignores it with BuildKit", "the builder gets it"),
    "services.*.build.secrets.[].uid": ("build-secret-owner", _IGNORED, "the builder gets it"),
    "services.*.build.secrets.[].gid": ("build-secret-owner", _IGNORED, "the builder gets it"),
    "services.*.build.secrets.[].mode": ("build-secret-owner", _IGNORED, "the builder gets it"),
    "services.*.ports.[].name": ("port-names", _IGNORED, _NAME_ONLY),
    "services.*.ports.[].app_protocol": ("port-names", _IGNORED, _NAME_ONLY),
    "configs.*.labels": ("grant-labels", _IGNORED, "they are kept with it"),
    "configs.*.template_driver": ("template-driver", "Compose refuses it", "it is refused here too"),
    "secrets.*.labels": ("grant-labels", _IGNORED, "they are kept with it"),
    "secrets.*.driver": ("secret-driver", "Compose refuses it", "it is refused here too"),
    "secrets.*.driver_opts": ("secret-driver", _IGNORED, "it is refused here too"),
    "secrets.*.template_driver": ("template-driver", "Compose refuses it", "it is refused here too"),
}
_TREE: Rules[tuple[str, str, str]] = patterns.table(FIELDS)

Rule = Callable[[Map], Iterator[tuple[Path, str, str, str]]]


def silences(model: Map) -> list[Silence]:
    """Everything about the final ``model`` that Compose would have passed over, in the order of the sections."""
    found = list(_fields(model, _TREE, ()))
    for name, service in (model.get("services") or {}).items():
        for rule in RULES:
            found += [Silence(("services", name, *path), *said) for path, *said in rule(service)]
    for kind in ("configs", "secrets"):
        for name, resource in (model.get(kind) or {}).items():
            if isinstance(resource, Map) and resource.get("external"):
                said = ("external-grant", "Compose refuses it", "it is taken from a store on this host, or refused")
                found.append(Silence((kind, name, "external"), *said))
    return found


def of(path: Sequence[str]) -> tuple[str, str]:
    """What Compose makes of the field at ``path`` and what is made of it here; twice nothing where both do as it says."""
    rules: Rules[tuple[str, str, str]] | None = _TREE
    for part in path:
        if rules is not None:
            rules = rules.item if rules.item is not None and not rules.children else rules.below(part)
    if rules is None or rules.rule is None:
        return "", ""
    reason = advice.no_effect(tuple(path))
    return rules.rule[1], f"no effect: {reason}" if reason else rules.rule[2]


def _fields(node: Any, rules: Rules[tuple[str, str, str]], path: Path) -> Iterator[Silence]:
    if rules.rule is not None:
        if node not in advice.HARMLESS:
            yield Silence(path, *rules.rule)
    elif isinstance(node, Map):
        for key, value in node.items():
            below = rules.below(key)
            if below is not None:
                yield from _fields(value, below, (*path, key))
    elif isinstance(node, Seq) and rules.item is not None:
        for index, value in enumerate(node):
            yield from _fields(value, rules.item, (*path, index))


def _mode(service: Map) -> Iterator[tuple[Path, str, str, str]]:
    mode = _at(service, "deploy", "mode") or "replicated"
    if mode != "replicated":
        here = "a job runs to its end" if str(mode).endswith("job") else "one container on this host"
        yield ("deploy", "mode"), "deploy-mode", _IGNORED, here


def _ports(service: Map) -> Iterator[tuple[Path, str, str, str]]:
    for index, port in enumerate(service.get("ports") or ()):
        if port.get("mode") == "host":
            yield ("ports", index, "mode"), "port-mode", _IGNORED, "on one host both modes are the same"


def _volumes_from(service: Map) -> Iterator[tuple[Path, str, str, str]]:
    for index, source in enumerate(service.get("volumes_from") or ()):
        if str(source).endswith((":ro", ":rw")):
            yield ("volumes_from", index), "volumes-from-mode", "Compose drops `:ro` and `:rw`", "the engine gets it"


def _selinux(service: Map) -> Iterator[tuple[Path, str, str, str]]:
    for index, mount in enumerate(service.get("volumes") or ()):
        bind = mount.get("bind") or {}
        if (
            bind.get("selinux")
            and "propagation" in bind
            and bind.get("create_host_path", True)
            and "recursive" not in bind
        ):
            yield (
                ("volumes", index, "bind", "selinux"),
                "selinux",
                "Compose drops it beside `propagation`",
                "it is kept",
            )


def _owners(service: Map) -> Iterator[tuple[Path, str, str, str]]:
    for kind in ("configs", "secrets"):
        for index, grant in enumerate(service.get(kind) or ()):
            for key in ("uid", "gid", "mode"):
                if key in grant:
                    yield (
                        (kind, index, key),
                        "grant-owner",
                        "Compose ignores it where the source is a file",
                        "the file is copied with it",
                    )


def _image(service: Map) -> Iterator[tuple[Path, str, str, str]]:
    image, policy = str(service.get("image", "")), service.get("pull_policy", "missing")
    last = image.rpartition("/")[2]
    newest = "@" not in last and (":" not in last or last.endswith(":latest"))
    if image and newest and "build" not in service and policy == "missing":
        compose = "the specification has `latest` pulled again; Compose's `up` does not"
        yield ("image",), "latest", compose, "neither does `stack up`: write `pull_policy: always`, or a version"


def _builder(service: Map) -> Iterator[tuple[Path, str, str, str]]:
    build = service.get("build")
    said = build.keys() & set(_CLASSIC_IGNORES) if isinstance(build, Map) else ()
    for key in sorted(said):
        here = "it is honoured, or refused with the name of what is missing"
        yield ("build", key), "classic-builder", "Compose ignores it where BuildKit is missing", here


def _priority(service: Map) -> Iterator[tuple[Path, str, str, str]]:
    for name, network in (service.get("networks") or {}).items():
        if isinstance(network, Map) and network.get("priority"):
            compose = "Compose lets it choose the first network only"
            yield ("networks", name, "priority"), "network-priority", compose, "networks are connected in its order"


def _grace(service: Map) -> Iterator[tuple[Path, str, str, str]]:
    text = str(service.get("stop_grace_period", ""))
    if "ms" in text or "." in text or "us" in text or "ns" in text:
        compose = "Compose cuts off the part below a second"
        yield (
            ("stop_grace_period",),
            "grace-period",
            compose,
            "it is rounded up for the engine, and exact in our own stops",
        )


def _hooks(service: Map) -> Iterator[tuple[Path, str, str, str]]:
    if service.get("pre_stop"):
        compose = "Compose does not run it on recreate, scale down and removal of orphans"
        yield ("pre_stop",), "pre-stop", compose, "it runs on every stop"
    for index, hook in enumerate(service.get("pre_start") or ()):
        if hook.get("per_replica"):
            yield ("pre_start", index, "per_replica"), "per-replica", "Compose fails at the start", "it is honoured"


def _restarts(service: Map) -> Iterator[tuple[Path, str, str, str]]:
    for name, dependency in (service.get("depends_on") or {}).items():
        if dependency.get("restart") and name in getattr(service.get("depends_on"), "keys_at", ()):
            compose = "only what Compose itself recreates or restarts counts, not the engine's restarts"
            yield ("depends_on", name, "restart"), "dependency-restart", compose, "the same"


RULES: tuple[Rule, ...] = (
    *(_mode, _ports, _volumes_from, _selinux, _owners, _image, _builder),
    *(_priority, _grace, _hooks, _restarts),
)
_CLASSIC_IGNORES = (
    *("dockerfile_inline", "cache_from", "cache_to", "shm_size", "ulimits"),
    *("provenance", "sbom", "entitlements", "no_cache_filter"),
)


def _at(node: Mapping[str, Any], *path: str) -> Any:
    found: Any = node
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found
