"""Short forms into long ones: ``canonical``, after each file is merged.

After ``canonical`` every port, mount, device, grant, dependency and network is a mapping, a build has its context by
name, and what may be one text or a list is a list: the form in which files merge and rules look at them. Values keep
their spelling (``forms`` settles that). Tables, one row a field; ``rewrite`` explains how they work.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from orchestrator.spec import limits, ports
from orchestrator.spec.document import Map, Seq, where
from orchestrator.spec.hints import quoted
from orchestrator.spec.limits import Limits
from orchestrator.spec.rewrite import Rule, each, fields, members, replace, rewrite, spread
from orchestrator.spec.values import BadValue
from orchestrator.spec.volumes import parse as parse_volume


def canonical(model: Map, bounds: Limits = limits.DEFAULTS, *, lenient: bool = False) -> Map:
    """``model`` in long forms; ``SchemaViolation`` for a short form that cannot be read.

    With ``lenient`` such a form stays as it is: it may still hold variables. What has an unexpected type stays as well,
    for the schema to judge.
    """
    _count_ports(model, bounds)
    return rewrite(model, _table(lenient))


def _count_ports(model: Map, bounds: Limits) -> None:
    """Refuse more ports than the limit before any of them is made."""
    services, total = model.get("services"), 0
    for name, service in services.items() if isinstance(services, dict) else ():
        entries = service.get("ports") if isinstance(service, dict) else None
        if isinstance(entries, list) and entries:
            total += sum(ports.count(entry) for entry in entries if isinstance(entry, str))
            if total > bounds.ports:
                raise limits.exceeded("ports", bounds.ports, where(model, ("services", name, "ports")))


# --- short forms -----------------------------------------------------------------------------------------------------


def _listed(value: Any) -> Any:
    return Seq([value]) if isinstance(value, str) else value


def _named(field: str) -> Rule:
    """A text stands for a mapping with this one field."""
    return lambda value: Map({field: value}.items()) if isinstance(value, str) else value


def _keyed(value: Any) -> Any:
    """A list of names as a mapping of them to nothing."""
    if not _is_texts(value):
        return value
    mapping = Map()
    for index, name in enumerate(value):
        mark = value.mark_of(index) if isinstance(value, Seq) else mapping.mark
        mapping.put(name, None, mark, mark)
    return mapping


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _pairs(value: Any) -> Any:
    """A list of ``key=value`` as a mapping; a key alone stands for nothing."""
    if not _is_texts(value):
        return value
    mapping = Map()
    for index, text in enumerate(value):
        key, equals, rest = text.partition("=")
        mark = value.mark_of(index) if isinstance(value, Seq) else mapping.mark
        mapping.put(key, rest if equals else None, mark, mark)
    return mapping


def _ssh(value: Any) -> Any:
    if not _is_texts(value):
        return value
    problems = []
    for index, text in enumerate(value):
        if "=" not in text and ": " not in text and text != "default":
            hint = "write `default`, or a name and a path: work=~/.ssh/id_work"
            problems.append(((index,), f"{quoted(text)} is not an SSH agent or key", hint))
    if problems:
        raise BadValue(problems=problems)
    # Compose prints `name: path`, so that is read as well.
    return _pairs(Seq([text if "=" in text else text.replace(": ", "=", 1) for text in value], *_marks(value)))


def _marks(value: Any) -> tuple[Any, ...]:
    return (value.mark, value.items_at) if isinstance(value, Seq) else ()


def _dependencies(value: Any) -> Any:
    if _is_texts(value):
        value = _keyed(value)
        return replace(value, {name: Map([("condition", "service_started"), ("required", True)]) for name in value})
    return members(_with("required", True))(value)


def _with(key: str, default: Any) -> Rule:
    """A mapping has ``key``, with ``default`` where the file does not say."""

    def add(value: Any) -> Any:
        return replace(value, {key: default}) if isinstance(value, Map) and key not in value else value

    return add


def _env_file(value: Any) -> Any:
    if isinstance(value, str):
        return Map([("path", value), ("required", True)])
    return _with("required", True)(value)


def _env_files(value: Any) -> Any:
    return each(_env_file)(_listed(value))


def _gpus(value: Any) -> Any:
    return Seq([Map([("count", "all")])]) if value == "all" else value


def _volume(value: Any) -> Any:
    return parse_volume(value) if isinstance(value, str) else value


def _device(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    source, *rest = value.split(":")
    if len(rest) > 2:
        raise BadValue(f"{quoted(value)} has too many colons for a device", "write a mapping with source and target")
    target = rest[0] if rest and rest[0] else source
    return Map([("source", source), ("target", target), ("permissions", rest[1] if len(rest) > 1 else "rwm")])


def _port(value: Any) -> list[Any]:
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        return [value]
    if isinstance(value, int) and not 0 < value < 65536:
        raise BadValue(f"port {quoted(str(value))} is out of range", "ports go from 1 to 65535")
    return [_long_port(port) for port in ports.parse(str(value))]


def _long_port(port: ports.ParsedPort) -> Map:
    members = [("mode", "ingress"), ("target", port.target), ("protocol", port.protocol)]
    if port.host_ip:
        members.append(("host_ip", port.host_ip))
    if port.published:
        members.append(("published", port.published))
    return Map(members)


def _external(value: Any) -> Any:
    """``external: {name: x}``, the old form, becomes ``external: true`` and ``name: x``."""
    if not isinstance(value, Map) or not isinstance(value.get("external"), Map):
        return value
    old = value["external"].get("name")
    if old is None:
        return replace(value, {"external": True})
    if value.get("name", old) != old:
        hint = "remove the one under `external` and keep `external: true`"
        raise BadValue(problems=[(("external", "name"), "`external` and `name` give different names", hint)])
    return replace(value, {"external": True, "name": old})


def _watches(value: Any) -> list[Any]:
    """A watch with several paths is one watch for each of them."""
    paths = value.get("path") if isinstance(value, Map) else None
    return [replace(value, {"path": path}) for path in paths] if isinstance(paths, list) else [value]


def _include(value: Any) -> Any:
    return fields({"path": _listed, "env_file": _listed})(_named("path")(value))


@cache
def _table(lenient: bool) -> Rule:
    attempt = _leaving if lenient else _insisting
    build = fields({"additional_contexts": _pairs, "ssh": attempt(_ssh), "secrets": each(_named("source"))})
    service: dict[str, Rule] = {
        "build": lambda value: Map([("context", value)]) if isinstance(value, str) else build(value),
        "configs": each(_named("source")),
        "depends_on": _dependencies,
        "develop": fields({"watch": spread(_watches)}),
        "devices": each(attempt(_device)),
        "dns": _listed,
        "dns_search": _listed,
        "env_file": _env_files,
        "extends": _named("service"),
        "gpus": _gpus,
        "label_file": _listed,
        "models": _keyed,
        "networks": _keyed,
        "ports": attempt(spread(_port)),
        "secrets": each(_named("source")),
        "tmpfs": _listed,
        "volumes": each(attempt(_volume)),
    }
    resources = dict.fromkeys(("networks", "volumes", "configs", "secrets"), members(attempt(_external)))
    return fields({"include": each(_include), "services": members(fields(service)), **resources})


def _insisting(rule: Rule) -> Rule:
    return rule


def _leaving(rule: Rule) -> Rule:
    """``rule``, leaving alone what it cannot read."""

    def attempt(value: Any) -> Any:
        try:
            return rule(value)
        except BadValue:
            return value

    return attempt
