"""`deploy`, `build`, hooks, watches and providers of a service, as the model's dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from orchestrator.model import placement
from orchestrator.model.rollout import FailureAction, Order, RestartCondition, Rollout
from orchestrator.model.stack import Build, BuildSecret, Deploy, Hook, Placement, Provider, WatchRule
from orchestrator.model.values import FileKind, RestartPolicy
from orchestrator.spec import values
from orchestrator.spec.build_container import CONTAINER, DEVICE_REQUEST, count, signed
from orchestrator.spec.contents import in_store
from orchestrator.spec.hints import did_you_mean, listing, quoted
from orchestrator.spec.reading import encrypted
from orchestrator.spec.records import (
    Convert,
    Record,
    Row,
    attributes,
    complete,
    each,
    members,
    pairs,
    rows,
    same,
    texts,
)
from orchestrator.spec.values import BadValue

CONDITIONS = {"none": "no", "on-failure": "on-failure", "any": "always"}
MODES = ("replicated", "global", "replicated-job", "global-job")


def one_of(*words: str) -> Convert:
    """The conversion of a word out of a few."""

    def convert(text: str) -> str:
        if text not in words:
            hint = did_you_mean(text, words) or f"write {listing(words, 'or')}"
            raise BadValue(f"{quoted(text)} is none of {listing(words)}", hint)
        return text

    return convert


def _ratio(value: Any) -> float:
    return values.fraction(value, 0, 1)


def _rollout(*actions: FailureAction) -> dict[str, Row]:
    failure = one_of(*(action.value for action in actions))
    return {
        "parallelism": Row("parallelism", count),
        "delay": Row("delay_ns", values.duration),
        "monitor": Row("monitor_ns", values.duration),
        "failure_action": Row("failure_action", lambda text: FailureAction(failure(text))),
        "max_failure_ratio": Row("max_failure_ratio", _ratio),
        "order": Row("order", Order),
    }


UPDATE = _rollout(FailureAction.PAUSE, FailureAction.CONTINUE, FailureAction.ROLLBACK)
# A way back never goes back itself.
ROLLBACK = _rollout(FailureAction.PAUSE, FailureAction.CONTINUE)


def rollout(node: Any) -> Rollout:
    return Rollout(**attributes(node, UPDATE), monitor_given="monitor" in node) if node else Rollout()


def _rollback(node: Any) -> Rollout:
    given = {"failure_action": FailureAction.PAUSE, **attributes(node or {}, ROLLBACK)}
    return Rollout(**given, monitor_given="monitor" in (node or ()))


RESTART: Record[RestartCondition] = Record(
    RestartCondition,
    {
        "condition": Row("condition", one_of(*CONDITIONS)),
        "delay": Row("delay_ns", values.duration),
        "max_attempts": Row("max_attempts", count),
        "window": Row("window_ns", values.duration),
    },
)


def restart_policy(condition: RestartCondition, *, job: bool = False) -> RestartPolicy:
    """What the engine itself can do of a restart condition; it bounds attempts after failures only.

    A job is meant to end: whatever restarts it may do so after a failure alone.
    """
    name = CONDITIONS[condition.condition]
    name = "on-failure" if job and name == "always" else name
    return RestartPolicy(name, (condition.max_attempts or 0) if name == "on-failure" else 0)


def _spread(node: Any) -> str:
    return str(node.get("spread", ""))


def _constraint(text: str) -> str:
    try:
        placement.parse(text)
    except ValueError as problem:
        raise BadValue(
            f"{quoted(text)}: {problem}", "write node.platform.os == linux, or node.labels.disk != slow"
        ) from None
    return text


PREFERENCE = {"spread": Row("spread", same)}
PLACEMENT: Record[Placement] = Record(
    Placement,
    {
        "constraints": Row("constraints", each(_constraint)),
        "preferences": Row("preferences", each(_spread)),
        "max_replicas_per_node": Row("max_replicas_per_node", count),
    },
)


def _generic(node: Any) -> tuple[str, int]:
    spec = node.get("discrete_resource_spec") or {}
    return str(spec.get("kind", "")), count(spec.get("value", 0))


DISCRETE = {"kind": Row("kind", same), "value": Row("value", count)}
GENERIC = {"discrete_resource_spec": Row("discrete_resource_spec", same)}
LIMITS = {
    "cpus": Row("nano_cpus", values.nano_cpus),
    "memory": Row("memory", values.size),
    "pids": Row("pids_limit", signed),
}
RESERVATIONS = {
    "cpus": Row("reserved_nano_cpus", values.nano_cpus),
    "memory": Row("memory_reservation", values.size),
    "devices": Row("device_requests", each(DEVICE_REQUEST)),
    "generic_resources": Row("generic_resources", each(_generic)),
}
RESOURCES = {
    "limits": Row("limits", lambda node: attributes(node or {}, LIMITS)),
    "reservations": Row("reservations", lambda node: attributes(node or {}, RESERVATIONS)),
}
DEPLOY: dict[str, Row] = {
    "mode": Row("mode", one_of(*MODES)),
    "endpoint_mode": Row("endpoint_mode", one_of("vip", "dnsrr")),
    "labels": Row("labels", pairs),
    "placement": Row("placement", PLACEMENT),
    "replicas": Row("replicas", count),
    "resources": Row("resources", lambda node: attributes(node or {}, RESOURCES)),
    "restart_policy": Row("restart", RESTART),
    "rollback_config": Row("rollback", _rollback),
    "update_config": Row("update", rollout),
}


class Deployment:
    """All that `deploy` says, read once and handed out to where it belongs."""

    __slots__ = ("given", "limits", "reservations")

    def __init__(self, node: Mapping[str, Any] | None) -> None:
        self.given = attributes(node or {}, DEPLOY)
        resources = self.given.pop("resources", {})
        self.limits: dict[str, Any] = resources.get("limits", {})
        self.reservations: dict[str, Any] = resources.get("reservations", {})

    @property
    def is_job(self) -> bool:
        return str(self.given.get("mode", "")).endswith("-job")

    @property
    def is_global(self) -> bool:
        """One container on each host, whatever number is written."""
        return str(self.given.get("mode", "")).startswith("global")

    def deploy(self) -> Deploy:
        told = {key: value for key, value in self.given.items() if key not in ("replicas", "update")}
        kept = ("reserved_nano_cpus", "generic_resources")
        return Deploy(**told, **{key: self.reservations[key] for key in kept if key in self.reservations})


# --- build -----------------------------------------------------------------------------------------------------------


def _agents(value: Any) -> tuple[str, ...]:
    """``default`` and ``id=path``, from the mapping or from Compose's ``id: path``."""
    if isinstance(value, dict):
        return tuple(f"{name}={path}" if path else name for name, path in value.items())
    return tuple(text if "=" in text else text.replace(": ", "=", 1) for text in texts(value))


BUILD: dict[str, Row] = {
    **rows(
        same,
        "context dockerfile dockerfile_inline target no_cache pull network privileged provenance sbom isolation",
    ),
    **rows(texts, "tags cache_from cache_to no_cache_filter platforms entitlements"),
    **rows(pairs, "additional_contexts args labels"),
    "extra_hosts": CONTAINER["extra_hosts"],
    "shm_size": CONTAINER["shm_size"],
    "ssh": Row("ssh", _agents),
    "ulimits": CONTAINER["ulimits"],
}
BUILD_SECRET = {**rows(same, "uid gid"), "mode": Row("mode", values.file_mode)}


def build(node: Mapping[str, Any], secrets: Mapping[str, Any], kept: Kept) -> Build:
    """The build, its secrets looked up among the top-level ones."""
    made: tuple[BuildSecret, ...] = _below("secrets", each(lambda grant: _secret(grant, secrets, kept)), node)
    return complete(Build, BUILD, {**attributes(node, BUILD), "secrets": made})


def _below(key: str, convert: Convert, node: Mapping[str, Any]) -> Any:
    try:
        return convert(node.get(key))
    except BadValue as bad:
        raise BadValue(problems=bad.below(key)) from None


class Kept(Protocol):
    """Where the contents of secrets are."""

    def external(self, kind: FileKind, name: str) -> bytes:
        """What the host's store holds."""
        ...

    def decrypted(self, path: str) -> bytes | None:
        """The plain text of a file, None where it is not encrypted."""
        ...

    def from_store(self, where: str) -> bytes | None:
        """What is in a store elsewhere, None where it was not given."""
        ...


def _secret(grant: Mapping[str, Any], secrets: Mapping[str, Any], kept: Kept) -> BuildSecret:
    secret = secrets.get(grant["source"]) or {}
    text = secret.get("x-#value")
    content = None if text is None else text.encode("utf-8", "surrogateescape")
    source = secret.get("file", "")
    where = in_store(secret)
    if where is not None:
        content = kept.from_store(where)
        if content is None:
            raise encrypted((where,))
    elif secret.get("external"):
        content = kept.external(FileKind.SECRET, secret.get("name") or grant["source"])
    elif source and (plain := kept.decrypted(source)) is not None:
        source, content = "", plain
    return BuildSecret(
        id=grant.get("target") or grant["source"],
        source=source,
        environment=secret.get("environment", ""),
        content=content,
        **attributes(grant, BUILD_SECRET),
    )


# --- hooks, watches, providers ---------------------------------------------------------------------------------------

HOOK: Record[Hook] = Record(
    Hook,
    {
        "command": Row("command", texts),
        **rows(same, "image user privileged working_dir per_replica"),
        "environment": Row("environment", pairs),
    },
)


def hook(node: Mapping[str, Any]) -> Hook:
    return HOOK(node) if "command" in node else HOOK(node, command=())


WATCH: Record[WatchRule] = Record(
    WatchRule,
    {**rows(same, "path action target initial_sync"), **rows(texts, "ignore include"), "exec": Row("exec", hook)},
)
PROVIDER: Record[Provider] = Record(Provider, {"type": Row("type", same), "options": Row("options", members(texts))})
