"""Specs generated for comparison with Compose: every property alone, pairs of files that override, stacks like real
ones.

The examples of our schema say what each property can look like; references in them get something to refer to. All are
``Case``s without an expectation: what Compose says is the expectation.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from orchestrator.resources import schema_path
from tests.support.spec_cases import Case

Json = Any
# Fields that 2.40.3 does not know yet, or reads otherwise than the newest Compose.
NEWER = frozenset(("svc-pre_start", "build-no_cache_filter", "mount-tmpfs-mode"))
_SECTIONS = ("networks", "volumes", "secrets", "configs", "models")


@cache
def _definitions() -> dict[str, Json]:
    with open(schema_path("stack"), encoding="utf-8") as file:
        return dict(json.load(file)["$defs"])


def _examples(definition: str) -> Iterator[tuple[str, int, Json]]:
    for key, schema in _definitions()[definition]["properties"].items():
        for number, example in enumerate(_followed(schema).get("examples", ())):
            yield key, number, example


def _followed(schema: Json) -> Json:
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].rpartition("/")[2]
    return _followed({**_definitions()[name], **{k: v for k, v in schema.items() if k != "$ref"}})


def _service(**fields: Json) -> Json:
    return {"services": {"web": {"image": "x", **fields}}}


def _resource(section: str, grant: Json, resource: Json) -> Json:
    return {"services": {"web": {"image": "x", section: grant}}, section: {"n": resource}}


_PLACES: dict[str, tuple[str, Any]] = {
    "svc": ("service", lambda v: {"services": {"web": {"image": "x", **v}}}),
    "build": ("build", lambda v: _service(build={"context": ".", **v})),
    "deploy": ("deploy", lambda v: _service(deploy=v)),
    "health": ("healthcheck", lambda v: _service(healthcheck=v)),
    "port": ("port", lambda v: _service(ports=[{"target": 80, **v}])),
    "mount": ("mount", lambda v: _service(volumes=[{"type": "volume", "target": "/x", **v}])),
    "mount-bind": (
        "mount_bind",
        lambda v: _service(volumes=[{"type": "bind", "source": ".", "target": "/x", "bind": v}]),
    ),
    "mount-volume": ("mount_volume", lambda v: _service(volumes=[{"type": "volume", "target": "/x", "volume": v}])),
    "mount-tmpfs": ("mount_tmpfs", lambda v: _service(volumes=[{"type": "tmpfs", "target": "/x", "tmpfs": v}])),
    "mount-image": (
        "mount_image",
        lambda v: _service(volumes=[{"type": "image", "source": "i", "target": "/x", "image": v}]),
    ),
    "service-network": ("service_network", lambda v: _resource("networks", {"n": v}, None)),
    "network": ("network", lambda v: _resource("networks", ["n"], v)),
    "ipam": ("ipam", lambda v: _resource("networks", ["n"], {"ipam": v})),
    "pool": ("ipam_pool", lambda v: _resource("networks", ["n"], {"ipam": {"config": [v]}})),
    "volume": ("volume", lambda v: _service(volumes=["data:/x"]) | {"volumes": {"data": v}}),
    "config": ("config", lambda v: _resource("configs", ["n"], v if _has_source(v) else {"file": "./f", **v})),
    "secret": ("secret", lambda v: _resource("secrets", ["n"], v if _has_source(v) else {"file": "./f", **v})),
    "grant": ("grant", lambda v: _service(secrets=[{"source": "n", **v}], configs=[{"source": "n", **v}])),
    "update": ("update_config", lambda v: _service(deploy={"update_config": v, "rollback_config": v})),
    "restart": ("restart_policy", lambda v: _service(deploy={"restart_policy": v})),
    "placement": ("placement", lambda v: _service(deploy={"placement": v})),
    "limits": ("limits", lambda v: _service(deploy={"resources": {"limits": v}})),
    "reservations": ("reservations", lambda v: _service(deploy={"resources": {"reservations": v}})),
    "watch": ("watch", lambda v: _service(build=".", develop={"watch": [{"path": ".", "action": "rebuild", **v}]})),
    "hook": ("hook", lambda v: _service(post_start=[{"command": "a", **v}], pre_stop=[{"command": "b", **v}])),
    "device": ("device", lambda v: _service(devices=[{"source": "/dev/a", "target": "/dev/b", **v}])),
    "device-request": ("device_request", lambda v: _service(gpus=[v])),
    "blkio": ("blkio_config", lambda v: _service(blkio_config=v)),
    "model": ("model", lambda v: _resource("models", ["n"], {"model": "m", **v})),
    "provider": ("provider", lambda v: {"services": {"web": {"provider": {"type": "x", **v}}}}),
    "logging": ("logging", lambda v: _service(logging=v)),
    "credential": ("credential_spec", lambda v: _service(credential_spec=v)),
    "env-file": ("env_file", lambda v: _service(env_file=[{"path": "a.env", "required": False, **v}])),
    "dependency": ("dependency", lambda v: _service(depends_on={"db": {"condition": "service_started", **v}})),
}


def _has_source(value: Json) -> bool:
    return bool({"file", "environment", "content", "external"} & value.keys())


def alone() -> Iterator[Case]:
    """Every property of every definition by itself, in each form its examples show."""
    for place, (definition, wrap) in _PLACES.items():
        for key, number, example in _examples(definition):
            if f"{place}-{key}" not in NEWER:
                yield _case(f"alone/{place}-{key}-{number}", wrap({key: example}))


def pairs() -> Iterator[Case]:
    """Each form of a service's property overridden by each other form of it."""
    by_key: dict[str, list[Json]] = {}
    for key, _, example in _examples("service"):
        by_key.setdefault(key, []).append(example)
    for key, examples in by_key.items():
        for first, base in enumerate(examples):
            for second, override in enumerate(examples):
                if f"svc-{key}" not in NEWER and key != "extends":
                    document = {"services": {"web": {"image": "x", key: base}}}
                    over = {"services": {"web": {key: override}}}
                    yield _case(f"pairs/{key}-{first}-{second}", document, over)


def realistic() -> Iterator[Case]:
    """Stacks with many properties at once, as far apart as one number makes them."""
    fields: dict[str, list[Json]] = {}
    for key, _, example in _examples("service"):
        if f"svc-{key}" not in NEWER and key not in _ALONE_ONLY:
            fields.setdefault(key, []).append(example)
    keys = sorted(fields)
    for number in range(40):
        services = {}
        for index in range(1 + number % 4):
            chosen = [key for position, key in enumerate(keys) if (position * 7 + number * 3 + index * 5) % 11 == 0]
            services[f"s{index}"] = {"image": f"image-{number}"} | {
                key: fields[key][(number + index) % len(fields[key])] for key in chosen
            }
        yield _case(f"realistic/{number}", {"services": services})


# Properties that exclude others, and so stand alone only.
_ALONE_ONLY = frozenset(
    (
        *("extends", "provider", "network_mode", "networks", "container_name", "cpus", "mem_limit", "mem_reservation"),
        *("pids_limit", "deploy", "scale", "profiles", "mac_address", "platform", "build", "image"),
    )
)


def _case(name: str, document: Json, *overrides: Json) -> Case:
    document = _with_references(document, *overrides)
    files = {"compose.yaml": json.dumps(document, indent=1)}
    arguments = "-f compose.yaml"
    for number, override in enumerate(overrides):
        files[f"over-{number}.yaml"] = json.dumps(override, indent=1)
        arguments += f" -f over-{number}.yaml"
    files |= {"app.env": "A=1\nB=$A\n", "local.env": "B=2\n", "app.labels": "l=1\n", "base.yaml": _BASE}
    return Case(name, name, files, {"arguments": arguments, "environment": "TOKEN=t\nHOME=/home/someone\n"})


_BASE = "services: {base: {image: b}, web: {image: b}, app: {image: b}, common: {image: b}}\n"


def _with_references(document: Json, *overrides: Json) -> Json:
    """The document with everything defined that its services refer to."""
    complete = json.loads(json.dumps(document))
    for part in (document, *overrides):
        for service in (part.get("services") or {}).values():
            for section, name in _references(service):
                resources = complete.setdefault(section, {})
                resources.setdefault(name, _filler(section))
    return complete


def _filler(section: str) -> Json:
    return {"services": {"image": "y", "build": "./y"}, "models": {"model": "m"}}.get(
        section, {"file": "./f"} if section in ("secrets", "configs") else None
    )


def _references(service: Json) -> Iterator[tuple[str, str]]:
    for section in ("networks", "models"):
        for name in service.get(section) or ():
            yield section, name
    build = service.get("build") if isinstance(service.get("build"), dict) else {}
    for section, grants in (
        ("secrets", service.get("secrets")),
        ("configs", service.get("configs")),
        ("secrets", build.get("secrets")),
    ):
        for grant in grants or ():
            yield section, grant["source"] if isinstance(grant, dict) else grant
    for mount in service.get("volumes") or ():
        source = mount.partition(":")[0] if isinstance(mount, str) and ":" in mount else ""
        if isinstance(mount, dict) and mount.get("type") == "volume":
            source = mount.get("source", "")
        if source and source[0] not in "./~":
            yield "volumes", source
    yield from (("services", name) for name in _services(service, build))


def _services(service: Json, build: Json) -> Iterator[str]:
    yield from service.get("depends_on") or ()
    extends = service.get("extends")
    if extends and not (isinstance(extends, dict) and "file" in extends):
        yield extends["service"] if isinstance(extends, dict) else extends
    for link in service.get("links") or ():
        yield link.partition(":")[0]
    for source in service.get("volumes_from") or ():
        if not source.startswith("container:"):
            yield source.partition(":")[0]
    contexts = build.get("additional_contexts") or {}
    pairs_of = contexts.values() if isinstance(contexts, dict) else [each.partition("=")[2] for each in contexts]
    for owner in [*(service.get(key) for key in ("network_mode", "ipc", "pid", "uts", "cgroup")), *pairs_of]:
        if isinstance(owner, str) and owner.startswith("service:"):
            yield owner.removeprefix("service:")
