"""Rules about fields that do not go together, or are incomplete without each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.model import front_ends
from orchestrator.spec import ports
from orchestrator.spec.document import Map
from orchestrator.spec.hints import listing, quoted
from orchestrator.spec.project import Finding, Project, ProjectRule, Seen
from orchestrator.spec.values import BadValue, Path


def image(seen: Seen) -> Iterator[Finding]:
    if seen.service.keys().isdisjoint(("image", "build", "provider")):
        message = f"service {quoted(seen.name)} has neither an image nor a build"
        yield (), message, "add `image: NAME` or `build: PATH`"


def dockerfiles(seen: Seen) -> Iterator[Finding]:
    build = seen.block("build")
    if build.get("dockerfile") and build.get("dockerfile_inline"):
        message = "a build has either `dockerfile` or `dockerfile_inline`"
        yield ("build", "dockerfile_inline"), message, "remove one of them"


def platforms(seen: Seen) -> Iterator[Finding]:
    platform, built = seen.service.get("platform"), seen.block("build").get("platforms")
    if platform and built and platform not in built:
        message = f'service.build.platforms MUST include service.platform "{platform}"'
        yield ("build", "platforms"), message, f"add {platform} to `platforms`"


def network_mode(seen: Seen) -> Iterator[Finding]:
    if seen.service["network_mode"] and seen.service.get("networks"):
        hint = "keep `networks`; or keep `network_mode`, for a network that is not one of the stack"
        yield ("network_mode",), "`network_mode` and `networks` cannot stand together", hint


def health_test(seen: Seen) -> Iterator[Finding]:
    test = seen.block("healthcheck").get("test")
    if test and test[0] not in ("CMD", "CMD-SHELL", "NONE"):
        message = f"a list in `healthcheck.test` begins with CMD, CMD-SHELL or NONE, not {quoted(test[0])}"
        yield ("healthcheck", "test", 0), message, 'put "CMD" before it, or write the whole command as one text'


def replicas(seen: Seen) -> Iterator[Finding]:
    scale, count = seen.service.get("scale"), seen.block("deploy").get("replicas")
    for path, number in ((("scale",), scale), (("deploy", "replicas"), count)):
        if number is not None and number < 0:
            yield path, f"a service cannot have {number} containers", "write 0 or more"
    if scale is not None and count is not None and scale != count:
        yield ("scale",), f"`scale` says {scale} and `deploy.replicas` says {count}", "keep one of them"
    wanted = count if scale is None else scale
    name = seen.service.get("container_name")
    if name and wanted is not None and wanted > 1:
        message = f"{wanted} containers cannot all have the name {quoted(name)}"
        yield ("container_name",), message, "remove `container_name`, or have one container"


_TWINS = (
    ("cpus", "limits", "cpus"),
    ("mem_limit", "limits", "memory"),
    ("pids_limit", "limits", "pids"),
    ("mem_reservation", "reservations", "memory"),
)


def limits(seen: Seen) -> Iterator[Finding]:
    for short, kind, key in _TWINS:
        long = seen.at("deploy", "resources", kind)
        value = seen.service.get(short)
        if long is not None and value and value != long.get(key):
            place = f"deploy.resources.{kind}.{key}"
            yield (short,), f"`{short}` and `{place}` differ", f"keep `{place}` alone, or give both the same value"


def published_ports(seen: Seen) -> Iterator[Finding]:
    for index, port in seen.items("ports"):
        path: Path = ("ports", index)
        if not 0 < (port.get("target") or 0) < 65536:
            yield path, "the port has no `target` from 1 to 65535", "add `target:`, the port in the container"
        protocol = port.get("protocol", "tcp")
        if protocol.lower() not in ports.PROTOCOLS:
            yield (*path, "protocol"), f"{quoted(protocol)} is not a protocol", "write tcp, udp or sctp"
        try:
            ports.check_published(port.get("published", ""))
            ports.check_address(port.get("host_ip") or "::", port.get("host_ip", ""))
        except BadValue as bad:
            yield path, *bad.problems[0][1:]


def mounts(seen: Seen) -> Iterator[Finding]:
    for index, mount in seen.items("volumes"):
        path: Path = ("volumes", index)
        if not mount.get("target"):
            yield path, "the mount has no `target`", "add `target:`, the path in the container"
        if mount.get("type") in ("bind", "image", "npipe", "cluster") and not mount.get("source"):
            yield path, f"the mount has no `source`, which the type {mount['type']} needs", "add `source:`"


def mounted_twice(seen: Seen) -> Iterator[Finding]:
    owners: dict[str, str] = {}
    for index, text in seen.items("tmpfs"):
        target, owner = text.partition(":")[0], f"tmpfs[{index}]"
        if owners.setdefault(target, owner) != owner:
            yield (
                ("tmpfs", index),
                f"{quoted(target)} is mounted already, by {quoted(owners[target])}",
                "remove one of them",
            )
    for index, mount in seen.items("volumes"):
        target, owner = mount.get("target"), f"volumes[{index}]"
        if target and owners.setdefault(target, owner) != owner:
            message = f"{quoted(target)} is mounted already, by {quoted(owners[target])}"
            yield ("volumes", index), message, "remove one of them"


def devices(seen: Seen) -> Iterator[Finding]:
    for index, device in seen.items("devices"):
        if not device.get("target"):
            yield ("devices", index), "the device has no `target`", "add `target:`, its path in the container"


def device_requests(seen: Seen) -> Iterator[Finding]:
    for path in (("gpus",), ("deploy", "resources", "reservations", "devices")):
        for index, request in seen.items(*path):
            if "count" in request and "device_ids" in request:
                hint = "keep `device_ids` to choose, or `count` to take any"
                yield (*path, index, "count"), "`count` and `device_ids` cannot stand together", hint


def watches(seen: Seen) -> Iterator[Finding]:
    for index, watch in seen.items("develop", "watch"):
        path: Path = ("develop", "watch", index)
        action = watch.get("action", "")
        if not watch.get("path"):
            yield path, "there is nothing to watch", "add `path:`, a file or directory"
        if action not in ("rebuild", "restart") and not watch.get("target"):
            message = f"the watch has no `target`, which the action {quoted(action)} needs"
            yield path, message, "add `target:`, where in the container the files go"


def external_volumes(project: Project) -> Iterator[Finding]:
    for name, volume in project.section("volumes").items():
        for key in volume or () if _is_external(volume) else ():
            if key not in ("name", "external") and not key.startswith("x-"):
                message = f"the external volume {quoted(name)} cannot have {quoted(key)}: it is made elsewhere"
                yield ("volumes", name, key), message, f"remove {quoted(key)}, or remove `external`"


def _is_external(resource: Any) -> bool:
    return isinstance(resource, Mapping) and bool(resource.get("external"))


def sources(kind: str, *keys: str) -> ProjectRule:
    """The rule for configs or secrets: their content comes from exactly one of ``keys``."""

    def rule(project: Project) -> Iterator[Finding]:
        choices = listing([f"`{key}`" for key in keys], "or")
        for name, resource in project.section(f"{kind}s").items():
            given = [key for key in keys if key in resource and not _is_captured(resource, key)]
            if len(given) > 1:
                message = f"the {kind} {quoted(name)} has {listing([f'`{key}`' for key in given])}"
                yield (f"{kind}s", name, given[-1]), message, f"keep one of {choices}"
            elif not given and not _is_external(resource):
                message = f"the {kind} {quoted(name)} does not say where its content comes from"
                yield (f"{kind}s", name), message, f"add {choices}"

    return rule


def _is_captured(resource: Map, key: str) -> bool:
    """Whether the loader made up `content` out of `environment`: then both stand in one place."""
    return key == "content" and "environment" in resource and resource.mark_of(key) == resource.mark_of("environment")


def front_end(seen: Seen) -> Iterator[Finding]:
    """What a front end needs, and what cannot go through one."""
    if seen.at("deploy", "endpoint_mode") != "vip":
        return
    place = ("deploy", "endpoint_mode")
    if seen.service.get("network_mode"):
        yield place, "a service with a front end needs networks of the stack", "remove `network_mode`"
    published = [(index, port) for index, port in seen.items("ports") if port.get("mode") != "host"]
    for index, port in published:
        if port.get("protocol", "tcp") != "tcp":
            hint = "publish it past the front end with `mode: host`, or remove `endpoint_mode`"
            yield ("ports", index), f"a front end carries TCP, not {port['protocol']}", hint
    if not published and not seen.service.get("expose"):
        hint = "add `ports`, or `expose` for use within the stack"
        yield place, "a front end has to be told which ports it stands before", hint
    name = front_ends.name_of(seen.name)
    if name in seen.project.services:
        yield place, f"its front end would be called {quoted(name)}, as another service is", "rename that one"
