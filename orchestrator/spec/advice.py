"""What is accepted and then does nothing, or less than it seems to: for warnings and for `stack lint`.

Compose passes over these in silence; here each is a ``Finding`` (path, message, hint). ``lost`` looks at a document
as written, for what its short forms leave out; ``advice`` looks at the final model. ``NO_EFFECT`` is the list of
fields that nothing acts on at present, with the reason; taking a row away is part of making a field work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.spec import patterns, shellwords, volumes
from orchestrator.spec.document import Map
from orchestrator.spec.hints import did_you_mean, listing, quoted
from orchestrator.spec.patterns import Rules
from orchestrator.spec.project import Finding
from orchestrator.spec.reading import Files
from orchestrator.spec.values import Path

_SWARM = "it matters on a Swarm only"
_BUILD_SECRET = "the builder says who may read a secret; write it in the Dockerfile: --mount=type=secret,uid=..."
_WINDOWS = "only Windows containers have it"
NO_EFFECT: dict[str, str] = {
    "services.*.pull_refresh_after": "no version of Compose reads it; write `pull_policy: every_24h`",
    "services.*.cpu_count": f"{_WINDOWS}; write `cpus`",
    "services.*.cpu_percent": f"{_WINDOWS}; write `cpus`",
    "services.*.build.isolation": _WINDOWS,
    "services.*.ports.[].name": "it is a name for people; no engine keeps it",
    "services.*.ports.[].app_protocol": "no engine keeps it; `labels` reach what reads containers",
    "services.*.models": "language models are not run here; name the address of one that runs in `environment`",
    "services.*.volumes.[].consistency": "Linux engines have no such setting",
    "services.*.build.secrets.[].uid": _BUILD_SECRET,
    "services.*.build.secrets.[].gid": _BUILD_SECRET,
    "services.*.build.secrets.[].mode": _BUILD_SECRET,
    "services.*.deploy.labels": f"{_SWARM}; `labels` of the service go to its containers",
    "services.*.deploy.placement.preferences": "there is one host to be placed on",
    "services.*.deploy.resources.reservations.cpus": f"{_SWARM}; `cpu_shares` gives a share of busy processors",
    "services.*.deploy.resources.reservations.generic_resources": _SWARM,
    "configs.*.labels": _SWARM,
    "configs.*.template_driver": _SWARM,
    "secrets.*.labels": _SWARM,
    "secrets.*.driver": _SWARM,
    "secrets.*.driver_opts": _SWARM,
    "secrets.*.template_driver": _SWARM,
}
_TREE: Rules[str] = patterns.table(NO_EFFECT)
HARMLESS = ("default", "ingress")  # what would be done anyway


def advice(model: Map) -> list[Finding]:
    """All there is to say about the final ``model``."""
    found = list(_without_effect(model, _TREE, ()))
    for name, service in (model.get("services") or {}).items():
        for rule in RULES:
            found += [(("services", name, *path), message, hint) for path, message, hint in rule(service)]
    for name, network in (model.get("networks") or {}).items():
        found += _external(("networks", name), network)
    for kind in ("configs", "secrets"):
        for name, resource in (model.get(kind) or {}).items():
            found += _external((kind, name), resource)
            found += _named((kind, name), resource, model.get("name", ""))
    return found


def encrypted_mounts(model: Map, disk: Files) -> list[Finding]:
    """Encrypted files that are mounted as they are."""
    message = "this file is encrypted, and a mounted file is not decrypted: the container sees what is written there"
    return [
        (("services", name, "volumes", index), message, "give it as a secret or a config with `file:`")
        for name, service in (model.get("services") or {}).items()
        for index, mount in enumerate(service.get("volumes") or ())
        if isinstance(mount, Mapping) and mount.get("type") == "bind" and disk.is_encrypted(mount.get("source", ""))
    ]


def lost(document: Map) -> list[Finding]:
    """What the short forms of ``document``, as written, leave out."""
    found: list[Finding] = []
    services = document.get("services")
    for name, service in services.items() if isinstance(services, dict) else ():
        if isinstance(service, dict):
            found += [(("services", name, *path), message, hint) for path, message, hint in _lost_of(service)]
    return found


def _lost_of(service: Mapping[str, Any]) -> Iterator[Finding]:
    for index, text in enumerate(service.get("volumes") or ()):
        for option in volumes.unknown_options(text) if isinstance(text, str) else ():
            hint = did_you_mean(option, volumes.KNOWN) or f"known: {listing(volumes.LISTED)}"
            yield ("volumes", index), f"the option {quoted(option)} is not known and left out", hint
    if service.get("mem_swappiness") in (0, "0"):
        hint = "write `mem_swappiness: 1`, or `memswap_limit` with the value of `mem_limit` to have no swap at all"
        yield ("mem_swappiness",), "0 is taken for not said", hint
    for key in ("command", "entrypoint"):
        text = service.get(key)
        rest = shellwords.unread(text) if isinstance(text, str) else ""
        if rest:
            message = f"{quoted(rest)} is left out of the {key}: no shell reads it"
            yield (key,), message, f'write {key}: ["sh", "-c", "..."] for a shell'


def no_effect(path: Path) -> str:
    """Why what stands at ``path`` has no effect here; nothing where it has one."""
    rules: Rules[str] | None = _TREE
    for part in path:
        if rules is not None and rules.rule is None:
            rules = rules.item if isinstance(part, int) else rules.below(part)
    return (rules.rule or "") if rules is not None else ""


def _without_effect(node: Any, rules: Rules[str], path: Path) -> Iterator[Finding]:
    if rules.rule is not None:
        if node not in HARMLESS:
            yield path, f"`{path[-1]}` has no effect here", rules.rule
    elif isinstance(node, Map):
        for key, value in node.items():
            below = rules.below(key)
            if below is not None:
                yield from _without_effect(value, below, (*path, key))
    elif isinstance(node, list) and rules.item is not None:
        for index, value in enumerate(node):
            yield from _without_effect(value, rules.item, (*path, index))


def _pull_policy(service: Map) -> Iterator[Finding]:
    policy = service.get("pull_policy", "missing")
    known = ("always", "never", "missing", "build", "daily", "weekly")
    if policy not in known and not policy.startswith("every_"):
        hint = did_you_mean(policy, known) or "write missing, or every_12h to look again after a while"
        yield ("pull_policy",), f"{quoted(policy)} means the same as `missing`", hint


def _restart(service: Map) -> Iterator[Finding]:
    if "restart" in service and (service.get("deploy") or {}).get("restart_policy") is not None:
        yield ("restart",), "`deploy.restart_policy` takes the place of `restart`", "remove one of them"


def _health(service: Map) -> Iterator[Finding]:
    check = service.get("healthcheck") or {}
    if "start_interval" in check and "start_period" not in check and not check.get("disable"):
        message = "`start_interval` has no effect without a `start_period`"
        yield ("healthcheck", "start_interval"), message, "add `start_period: 30s`"


def _mounts(service: Map) -> Iterator[Finding]:
    for index, mount in enumerate(service.get("volumes") or ()):
        kind, target = mount.get("type"), str(mount.get("target", ""))
        for block in ("bind", "volume", "tmpfs", "image"):
            if mount.get(block) and block != kind:
                message = f"`{block}` has no effect on a mount of type {kind}"
                yield ("volumes", index, block), message, "remove it, or change the type"
        bind = mount.get("bind") or {}
        if kind == "bind" and bind.get("selinux") and (bind.get("recursive") or mount.get("consistency")):
            message = "`selinux` has no effect beside `recursive` or `consistency`: the engine takes one or the other"
            yield ("volumes", index, "bind", "selinux"), message, "remove one of them"
        if kind == "volume" and target[1:2] == ":" and target[:1].isalpha():
            message = f"{quoted(target)} is read as a Windows path, not as a volume named {quoted(target[0])}"
            yield ("volumes", index), message, "give it a longer name, or write a mapping with source and target"


def _api_socket(service: Map) -> Iterator[Finding]:
    if service.get("use_api_socket"):
        message = "`use_api_socket` gives the engine's socket, and no credentials for registries"
        yield ("use_api_socket",), message, "give them as a secret, where the container needs them"


def _labels(service: Map) -> Iterator[Finding]:
    for label in service.get("labels") or ():
        if label.startswith("com.docker.compose."):
            yield ("labels", label), f"the label {quoted(label)} belongs to Compose and is overwritten", "remove it"


def _watches(service: Map) -> Iterator[Finding]:
    for index, watch in enumerate((service.get("develop") or {}).get("watch") or ()):
        if (watch.get("action") == "sync+exec") != ("exec" in watch):
            message = "`exec` and the action `sync+exec` have no effect without each other"
            yield ("develop", "watch", index), message, "write both, or none"


_FOR_THE_DAEMON = {
    "delay": "the engine restarts at once, and waits longer each time, from 100 ms to a minute",
    "window": "the engine counts a start as good after 10 s",
}


def _restart_policy(service: Map) -> Iterator[Finding]:
    """What the engine itself cannot do of a restart policy; it bounds attempts after failures alone."""
    deploy = service.get("deploy") or {}
    policy = deploy.get("restart_policy") or {}
    path = ("deploy", "restart_policy")
    condition, is_job = policy.get("condition", "any"), str(deploy.get("mode", "")).endswith("-job")
    for key, why in _FOR_THE_DAEMON.items():
        if key in policy and condition != "none":
            yield (*path, key), f"the engine has no `{key}` of restarts", why
    if "max_attempts" in policy and condition == "any" and not is_job:
        message = "the engine does not bound restarts after a success, so `max_attempts` has no effect"
        yield (*path, "max_attempts"), message, "write `condition: on-failure`"
    if is_job and (policy.get("condition") == "any" or service.get("restart") in ("always", "unless-stopped")):
        message = "a job that ended well is done; it is restarted after failures only"
        yield ((*path, "condition") if policy else ("restart",)), message, "write `condition: on-failure`"


def _global(service: Map) -> Iterator[Finding]:
    deploy = service.get("deploy") or {}
    if str(deploy.get("mode", "")).startswith("global") and deploy.get("replicas", 1) != 1:
        yield ("deploy", "replicas"), "a global service has one container on each host", "remove `replicas`"


RULES = (_pull_policy, _restart, _health, _mounts, _api_socket, _labels, _watches, _restart_policy, _global)


def _named(path: Path, resource: Any, project: str) -> Iterator[Finding]:
    """A name is what the host's store is asked for; what the file itself brings needs none."""
    if not isinstance(resource, dict) or resource.get("external"):
        return
    if resource.get("name") not in (None, path[-1], f"{project}_{path[-1]}"):
        yield (*path, "name"), "`name` has no effect on what is not `external`", "remove it"


def _external(path: Path, resource: Any) -> Iterator[Finding]:
    if not isinstance(resource, dict) or not resource.get("external"):
        return
    for key in resource:
        if key not in ("name", "external") and not key.startswith("x-"):
            yield (*path, key), f"`{key}` has no effect on what is `external`", "remove one of them"
