"""What a list says twice: the later entry takes the place of the earlier one, where the field says what "twice" means.

Environment and labels are the same by their key, ports by address and protocol, volumes by their target. Applied after
a file was merged, and again once its short forms became long ones, which can bring further duplicates to light.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator.spec import patterns
from orchestrator.spec.document import Map, Seq
from orchestrator.spec.patterns import Rules

Identity = Callable[[Any], Any]


def enforce(model: Map) -> None:
    """Remove earlier duplicates from every list of ``model`` that has a rule, in place."""
    _below(model, RULES)


def _below(node: Map, rules: Rules[Identity]) -> None:
    for key, value in node.items():
        below = rules.below(key)
        if below is None:
            continue
        if type(value) is Map:
            _below(value, below)
        elif type(value) is Seq and below.rule is not None and len(value) > 1:
            unique = _deduplicated(value, below.rule)
            if unique is not value:
                node[key] = unique


def _deduplicated(items: Seq, identity: Identity) -> Seq:
    places: dict[Any, int] = {}
    for index, item in enumerate(items):
        places[identity(item)] = index
    if len(places) == len(items):
        return items
    kept = list(places.values())
    return Seq([items[index] for index in kept], items.mark, [items.mark_of(index) for index in kept])


def _other(item: Any) -> Any:
    """The identity of something the schema will complain about: only itself."""
    return id(item)


def _key(item: Any) -> Any:
    return item.partition("=")[0] if type(item) is str else _other(item)


def _target(item: Any) -> Any:
    if type(item) is Map:
        target = item.get("target")
        return target if type(target) is str else _other(item)
    return volume_target(item) if type(item) is str else _other(item)


def volume_target(text: str) -> str:
    """The path inside the container in the short form of a volume."""
    sections = _sections(text)
    return sections[0] if len(sections) == 1 else sections[1]


def _sections(text: str) -> list[str]:
    """``text`` split at colons, except behind a drive letter and inside ``${...}``."""
    if len(text) <= 2:
        return [text]
    sections, start, depth = [], 0, 0
    for index, character in enumerate(text):
        if character == "$" and text[index + 1 : index + 2] == "{":
            depth += 1
        elif character == "}" and depth:
            depth -= 1
        elif character == ":" and not depth and not (index - start == 1 and text[start].isalpha()):
            sections.append(text[start:index])
            start = index + 1
    return [*sections, text[start:]]


def _device(item: Any) -> Any:
    if type(item) is not str:
        return _target(item)
    sections = item.split(":")
    return sections[0] if len(sections) == 1 else sections[1]


def _mounted_below(directory: str) -> Identity:
    def identity(item: Any) -> Any:
        if type(item) is str:
            return f"{directory}/{item}"
        if type(item) is Map:
            target = item.get("target")
            return target if type(target) is str else f"{directory}/{item.get('source')}"
        return _other(item)

    return identity


def _exposed(item: Any) -> Any:
    return str(item) if type(item) in (str, int) else _other(item)


def _port(item: Any) -> Any:
    if type(item) is Map:
        fields = (
            item.get("host_ip", "0.0.0.0"),
            item.get("published"),
            item.get("target"),
            item.get("protocol", "tcp"),
        )
        return tuple(map(str, fields))
    return str(item) if type(item) in (str, int) else _other(item)


def _env_file(item: Any) -> Any:
    path = item.get("path") if type(item) is Map else item
    return path if type(path) is str else _other(item)


def _table() -> dict[str, Identity]:
    service: dict[Identity, str] = {
        _key: (
            "annotations build.args build.additional_contexts build.platform build.tags build.labels cap_add cap_drop "
            "deploy.labels dns dns_opt dns_search environment labels links networks.*.aliases "
            "networks.*.link_local_ips profiles sysctls tmpfs"
        ),
        _target: "volumes",
        _device: "devices",
        _mounted_below(""): "configs",
        _mounted_below("/run/secrets"): "secrets",
        _env_file: "env_file label_file",
        _exposed: "expose",
        _port: "ports",
    }
    rules = {f"services.*.{path}": identity for identity, paths in service.items() for path in paths.split()}
    return rules | {"networks.*.labels": _key, "networks.*.ipam.options": _key}


RULES: Rules[Identity] = patterns.table(_table())
