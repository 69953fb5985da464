"""Specs for tests: parsed from text, or built around one value so that everything it refers to is there."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from orchestrator.spec import parse
from orchestrator.spec.document import Map, Seq

Document = dict[str, Any]

_AROUND: Document = {
    "name": "example",
    "services": {
        "web": {"image": "nginx:1.27"},
        "db": {"image": "postgres:17", "healthcheck": {"test": "true"}},
        "base": {"image": "base:1"},
    },
    "networks": {"front": None, "back": None},
    "volumes": {"data": None},
    "configs": {"site": {"content": "x"}},
    "secrets": {"token": {"environment": "API_TOKEN"}},
    "models": {"llm": {"model": "ai/smollm2"}},
}
_FILES = {
    "other.yml": "services: {other: {image: x}}",
    "other.override.yml": "services: {other: {tty: true}}",
    "base.yml": "services: {base: {image: x}, db: {image: y}}",
    "app.env": "A=1",
    "local.env": "B=2",
    "app.labels": "l=1",
}


def parsed(text: str, name: str = "app.yml") -> Map:
    """The document of a text, with its places."""
    root = parse.parse(text.encode(), name)[0].root
    assert isinstance(root, Map)
    return root


def marked(value: Any) -> Any:
    """A plain value as a document without places."""
    if isinstance(value, dict):
        return Map((key, marked(item)) for key, item in value.items())
    return Seq(map(marked, value)) if isinstance(value, list) else value


def write(directory: Path, document: Document) -> None:
    """The document as the project's file, among the files that examples name."""
    for name, text in _FILES.items():
        (directory / name).write_text(text + "\n", encoding="utf-8")
    (directory / "compose.yaml").write_text(json.dumps(document), encoding="utf-8")


def around(definition: str, key: str, value: Any) -> Document:
    """A whole spec in which a ``definition`` of the schema has ``key`` with ``value``."""
    document = copy.deepcopy(_AROUND)
    if not definition:
        document[key] = {**document[key], **value} if isinstance(document.get(key), dict) else value
    elif definition == "service":
        web = document["services"]["web"] = {} if key in ("build", "provider") else {"image": "nginx:1.27"}
        web[key] = value
    elif definition.startswith("mount_"):
        kind = definition.removeprefix("mount_")
        mount = {"type": kind, "target": "/x", kind: {key: value}, **_MOUNTED.get(kind, {})}
        document["services"]["web"]["volumes"] = [mount]
    else:
        path, given = _PLACES[definition]
        for alternatives in _EITHER:
            if key in alternatives:
                given = {name: said for name, said in given.items() if name not in alternatives}
        _put(document, path.split("."), {**given, key: value})
    return document


def _put(node: Any, path: list[str], value: Any) -> None:
    *before, last = path
    for part in before:
        name = part.removesuffix("[]")
        if node.get(name) is None:
            node[name] = [{}] if part.endswith("[]") else {}
        node = node[name][0] if part.endswith("[]") else node[name]
    node[last.removesuffix("[]")] = [value] if last.endswith("[]") else value


_BLKIO = "services.web.blkio_config"
_RESOURCES = "services.web.deploy.resources"
# Exactly one of each says where a config or secret is, and what a probe asks.
_EITHER = (("file", "environment", "content", "external"), ("http", "tcp"))
_MOUNTED = {"bind": {"source": "./x"}, "volume": {"source": "data"}, "image": {"source": "busybox"}}
# Where a definition stands, and what it needs besides the property in question.
_PLACES: dict[str, tuple[str, Document]] = {
    "ulimit": ("services.web.ulimits.nofile", {"soft": 1, "hard": 2}),
    "grant": ("services.web.configs[]", {"source": "site"}),
    "hook": ("services.web.post_start[]", {"command": "true"}),
    "start_hook": ("services.web.pre_start[]", {"command": "true"}),
    "blkio_limit": (f"{_BLKIO}.device_read_bps[]", {"path": "/dev/sda", "rate": 1}),
    "blkio_weight": (f"{_BLKIO}.weight_device[]", {"path": "/dev/sda", "weight": 10}),
    "blkio_config": ("services.web.blkio_config", {}),
    "credential_spec": ("services.web.credential_spec", {}),
    "dependency": ("services.web.depends_on.db", {"condition": "service_started"}),
    "device": ("services.web.devices[]", {"source": "/dev/a", "target": "/dev/b"}),
    "env_file": ("services.web.env_file[]", {"path": "app.env"}),
    "extends": ("services.web.extends", {"service": "db"}),
    "provider": ("services.web.provider", {"type": "x"}),
    "logging": ("services.web.logging", {}),
    "healthcheck": ("services.web.healthcheck", {}),
    "own_of_service": ("services.web.x-stack", {}),
    "front_end": ("services.web.x-stack.front_end", {}),
    "probe": ("services.web.x-stack.probe", {"tcp": {"port": 80}}),
    "http_probe": ("services.web.x-stack.probe.http", {"port": 80}),
    "tcp_probe": ("services.web.x-stack.probe.tcp", {"port": 80}),
    "model_grant": ("services.web.models.llm", {}),
    "service_network": ("services.web.networks.front", {}),
    "port": ("services.web.ports[]", {"target": 80}),
    "mount": ("services.web.volumes[]", {"type": "bind", "source": "./x", "target": "/x"}),
    "device_request": ("services.web.gpus[]", {}),
    "reserved_device": (f"{_RESOURCES}.reservations.devices[]", {"capabilities": ["gpu"]}),
    "watch": ("services.web.develop.watch[]", {"path": "./src", "action": "sync", "target": "/x"}),
    "develop": ("services.web.develop", {}),
    "build": ("services.web.build", {"context": "."}),
    "deploy": ("services.web.deploy", {}),
    "update_config": ("services.web.deploy.update_config", {}),
    "rollback_config": ("services.web.deploy.rollback_config", {}),
    "resources": (_RESOURCES, {}),
    "limits": (f"{_RESOURCES}.limits", {}),
    "reservations": (f"{_RESOURCES}.reservations", {}),
    "generic_resource": (f"{_RESOURCES}.reservations.generic_resources[]", {}),
    "discrete_resource": (f"{_RESOURCES}.reservations.generic_resources[].discrete_resource_spec", {}),
    "restart_policy": ("services.web.deploy.restart_policy", {}),
    "placement": ("services.web.deploy.placement", {}),
    "placement_preference": ("services.web.deploy.placement.preferences[]", {}),
    "ipam_pool": ("networks.front.ipam.config[]", {}),
    "ipam": ("networks.front.ipam", {}),
    "network": ("networks.front", {}),
    "volume": ("volumes.data", {}),
    "secret": ("secrets.token", {"file": "./token.txt"}),
    "config": ("configs.site", {"file": "./site.conf"}),
    "model": ("models.llm", {"model": "ai/x"}),
    "include": ("include[]", {"path": "other.yml"}),
}
