"""One service of the final model as the model's ``Service``: what its rows say, and what the project adds to it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from orchestrator.model import naming
from orchestrator.model.container import Container
from orchestrator.model.stack import Condition, Dependency, Hook, PullPolicy, Service
from orchestrator.model.values import Attachment, Mount, MountType, Resources, RestartPolicy
from orchestrator.records import replace
from orchestrator.spec import limits, spellings, values
from orchestrator.spec.build_container import CONTAINER, RESOURCES
from orchestrator.spec.build_deploy import PROVIDER, WATCH, Deployment, build, hook, restart_policy
from orchestrator.spec.build_own import own
from orchestrator.spec.contents import GRANTED, Contents
from orchestrator.spec.document import Map, where
from orchestrator.spec.limits import Limits
from orchestrator.spec.records import Record, Row, attributes, each, members, pairs, rows, same, texts
from orchestrator.spec.references import implied
from orchestrator.spec.values import BadValue

ATTACHMENT: Record[Attachment] = Record(
    Attachment,
    {
        **rows(texts, "aliases link_local_ips"),
        **rows(same, "interface_name priority gw_priority"),
        "ipv4_address": Row("ipv4_address", spellings.ipv4),
        "ipv6_address": Row("ipv6_address", spellings.ipv6),
        "mac_address": Row("mac_address", spellings.mac),
        "driver_opts": Row("driver_opts", pairs),
    },
)
BIND = rows(same, "create_host_path propagation recursive selinux")
VOLUME = {**rows(same, "nocopy subpath"), "labels": Row("labels", pairs)}
TMPFS = {"size": Row("tmpfs_size", values.size), "mode": Row("tmpfs_mode", lambda mode: values.whole(mode, 0, 0o7777))}
IMAGE = rows(same, "subpath")
MOUNT = {
    "type": Row("type", MountType),
    **rows(same, "source read_only consistency"),
    "target": Row("target", spellings.mounted_at),
    "bind": Row("bind", lambda node: {"create_host_path": True, **attributes(node, BIND)}),
    "volume": Row("volume", lambda node: attributes(node, VOLUME)),
    "tmpfs": Row("tmpfs", lambda node: attributes(node, TMPFS)),
    "image": Row("image", lambda node: attributes(node, IMAGE)),
}
DEPENDENCY: Record[Dependency] = Record(
    Dependency, {"condition": Row("condition", Condition), **rows(same, "required restart")}
)
SERVICE: dict[str, Row] = {
    **rows(same, "container_name attach"),
    **rows(texts, "profiles"),
    **rows(each(hook), "pre_start post_start pre_stop"),
    "develop": Row("watch", lambda node: each(WATCH)((node or {}).get("watch"))),
    "models": Row("models", members(pairs)),
    "provider": Row("provider", PROVIDER),
}


class Builder:
    """Makes the services of one project."""

    def __init__(
        self, model: Map, stack: str, directory: str, contents: Contents, bounds: Limits, separator: str = "-"
    ) -> None:
        self.model, self.stack, self.directory = model, stack, directory
        self.contents, self.bounds, self.separator = contents, bounds, separator

    def service(self, name: str, node: Map) -> Service:
        """The service ``name``, whose final form is ``node``."""
        deployment = _at("deploy", Deployment, node.get("deploy"))
        image = _at("image", spellings.image, node.get("image") or "") or naming.image(
            self.stack, name, separator=self.separator
        )
        given = attributes(node, SERVICE)
        if "pre_start" in given:
            given["pre_start"] = tuple(_with_image(step, image) for step in given["pre_start"])
        if "build" in node:
            given["build"] = _at("build", lambda: build(node["build"], self._section("secrets"), self.contents))
        if "update" in deployment.given:
            given["rollout"] = deployment.given["update"]
        given |= _at("x-stack", own, node.get("x-stack"), self._front_image())
        policy, interval = _at("pull_policy", _pull_policy, node.get("pull_policy", ""))
        return Service(
            name=name,
            container=self._container(node, image, deployment),
            replicas=self._replicas(name, node, deployment),
            pull_policy=policy,
            pull_every_ns=interval,
            pull_if_missing=node.get("pull_policy") == "missing",
            depends_on=_dependencies(node),
            deploy=deployment.deploy(),
            extensions={key: value for key, value in node.items() if key.startswith("x-")},
            **given,
        )

    def _front_image(self) -> str:
        """What the whole file says of front ends."""
        return str(((self.model.get("x-stack") or {}).get("front_end") or {}).get("image") or "")

    def _section(self, name: str) -> Mapping[str, Any]:
        section: Mapping[str, Any] = self.model.get(name) or {}
        return section

    def _container(self, node: Map, image: str, deployment: Deployment) -> Container:
        given = attributes(node, CONTAINER)
        given["resources"] = _resources(node, deployment)
        if "restart" in deployment.given:
            given["restart"] = restart_policy(deployment.given["restart"], job=deployment.is_job)
        elif deployment.is_job and given.get("restart", RestartPolicy()).name not in ("no", "on-failure"):
            given["restart"] = RestartPolicy("on-failure")
        requests = deployment.reservations.get("device_requests")
        if requests:
            given["device_requests"] = (*given.get("device_requests", ()), *requests)
        if "networks" in node:
            given["networks"] = _attachments(node["networks"])
        if "volumes" in node or "tmpfs" in node:
            given["mounts"] = self._mounts(node)
        if "configs" in node or "secrets" in node:
            given["files"] = self._files(node)
        if "security_opt" in node:
            given["security_opt"] = _at("security_opt", each(self._security_option), node["security_opt"])
        return Container(image=image, **given)

    def _replicas(self, name: str, node: Map, deployment: Deployment) -> int:
        count = node.get("scale")
        if deployment.is_global:
            return 0 if count == 0 else 1
        replicas: int = deployment.given.get("replicas", 1) if count is None else count
        if replicas > self.bounds.replicas:
            path = ("services", name, *(("deploy", "replicas") if count is None else ("scale",)))
            raise limits.exceeded("replicas", self.bounds.replicas, where(self.model, path))
        return replicas

    def _mounts(self, node: Map) -> tuple[Mount, ...]:
        mounts: tuple[Mount, ...] = _at("volumes", each(self._mount), node.get("volumes"))
        return (*mounts, *(_tmpfs(text) for text in texts(node.get("tmpfs"))))

    def _mount(self, node: Mapping[str, Any]) -> Mount:
        return mount(node, lambda key: (self._section("volumes").get(key) or {}).get("name", key))

    def _files(self, node: Map) -> tuple[Any, ...]:
        grants: list[Any] = []
        for kind in GRANTED:
            key = f"{kind.value}s"
            grants += _at(key, each(partial(self.contents.grant, kind)), node.get(key))
        return tuple(grants)

    def _security_option(self, option: str) -> str:
        """A seccomp profile in a file, named from the project's directory, is given inline: so the engine keeps it."""
        name, profile = option[:8], option[8:]
        if name not in ("seccomp=", "seccomp:") or profile in ("unconfined", "builtin", "") or profile[0] in "{/":
            return option
        return name + self.contents.profile(os.path.normpath(os.path.join(self.directory, profile)))


def mount(node: Mapping[str, Any], name_of: Callable[[str], str]) -> Mount:
    """A mount in its long form; ``name_of`` gives the engine's name of a volume of the file."""
    given = attributes(node, MOUNT)
    details = given.pop(node["type"], {})
    for other in ("bind", "volume", "tmpfs", "image"):
        given.pop(other, None)
    if node["type"] == "volume" and given.get("source"):
        given["key"] = given["source"]
        given["source"] = name_of(given["key"])
    return Mount(**given, **details)


def _at(key: str, make: Any, *arguments: Any) -> Any:
    """What ``make`` gives, its problems placed under ``key``."""
    try:
        return make(*arguments)
    except BadValue as bad:
        raise BadValue(problems=bad.below(key)) from None


def _with_image(step: Hook, image: str) -> Hook:
    return step if step.image else replace(step, image=image)


def _pull_policy(text: str) -> tuple[PullPolicy, int]:
    interval = values.pull_interval(text)
    if interval:
        return PullPolicy.EVERY, interval
    return (PullPolicy(text) if text in ("always", "never", "build") else PullPolicy.MISSING), 0


def _dependencies(node: Map) -> dict[str, Dependency]:
    written = node.get("depends_on")
    if not written:
        return {}
    hinted = {(name, mark) for name, _, mark in implied(node)}
    return {
        name: DEPENDENCY(said, implicit=(name, written.keys_at.get(name, written.mark)) in hinted)
        for name, said in written.items()
    }


def _resources(node: Map, deployment: Deployment) -> Resources:
    given = attributes(node, RESOURCES)
    given.update(deployment.limits)
    if "memory_reservation" in deployment.reservations:
        given["memory_reservation"] = deployment.reservations["memory_reservation"]
    return Resources(**given)


def _attachments(networks: Map | None) -> dict[str, Attachment]:
    """The networks in the order in which they are joined: by priority, then by name."""
    made: dict[str, Attachment] = _at("networks", members(ATTACHMENT), networks)
    return dict(sorted(made.items(), key=lambda item: (-item[1].priority, item[0])))


def _tmpfs(text: str) -> Mount:
    target, _, options = text.partition(":")
    return Mount(MountType.TMPFS, target, tmpfs_options=options)
