"""The canonical model as text: what ``stack config`` prints, equal to what ``docker compose config`` prints when both
are read.

``printed`` is the model without what is never shown (captured contents of secrets and configs) and without the few
fields that Compose leaves out; ``to_yaml`` and ``to_json`` write it, with ``$`` doubled so that it can be loaded
again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from orchestrator.errors import SpecError
from orchestrator.spec import patterns, printed_order, yamltext
from orchestrator.spec.document import Map, Seq
from orchestrator.spec.load import Canonical
from orchestrator.spec.patterns import Rules

Shown = Callable[[Any], Any]
_NOT_SHOWN: Any = object()


def to_yaml(canonical: Canonical) -> str:
    """The model as YAML."""
    shown = printed(canonical)
    ordered = printed_order.for_yaml(shown) if canonical.interpolated else printed_order.by_name(shown)
    return _escaped(yamltext.dump(ordered, keep_order=True), canonical)


def to_json(canonical: Canonical) -> str:
    """The model as JSON in Compose's shape: ``null`` and ``{}`` where it writes them, no inner ``x-*``."""
    import json

    ordered = canonical.interpolated
    shaped = printed_order.for_json(_as_json(printed(canonical))) if ordered else printed(canonical)
    try:
        text = json.dumps(shaped, indent=2, sort_keys=not ordered, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise SpecError("JSON has no infinity and no NaN", hint="print the model as YAML") from None
    return _escaped(text, canonical)


def _escaped(text: str, canonical: Canonical) -> str:
    return text.replace("$", "$$") if canonical.interpolated else text


def printed(canonical: Canonical) -> Map:
    """The model as it is shown."""
    rules = _HIDDEN if canonical.interpolated else _SECRET
    shown = _mapping(canonical.model, rules)
    shown.setdefault("services", Map())
    return shown


def _value(value: Any, rules: Rules[Shown] | None) -> Any:
    if rules is None:
        return value
    if rules.rule is not None:
        return rules.rule(value)
    if isinstance(value, Map):
        return _mapping(value, rules)
    if isinstance(value, Seq) and rules.item is not None:
        return Seq([_value(item, rules.item) for item in value])
    return value


def _mapping(value: Map, rules: Rules[Shown]) -> Map:
    shown = Map()
    for key, item in value.items():
        visible = _value(item, rules.below(key))
        if visible is not _NOT_SHOWN:
            shown[key] = visible
    return shown


def _never(_value: Any) -> Any:
    return _NOT_SHOWN


def _if_true(value: Any) -> Any:
    return value or _NOT_SHOWN


def _file_object(value: Any) -> Any:
    """What a variable held is not shown; the variable's name is."""
    return Map((key, item) for key, item in value.items() if key != "x-#value") if isinstance(value, Map) else value


def _env_file(value: Any) -> Any:
    """A file that must exist is shown by its path alone."""
    if not isinstance(value, Map):
        return value
    if value.get("required", True):
        return value.get("path")
    return Map((key, value[key]) for key in ("path", "required") if key in value)


def _address_pools(value: Any) -> Any:
    """Options of address management are not part of what Compose prints."""
    if not isinstance(value, Map):
        return value
    shown = Map((key, item) for key, item in value.items() if key != "options")
    if isinstance(shown.get("config"), Seq):
        shown["config"] = Seq(_without_own_keys(pool) for pool in shown["config"])
    return shown or _NOT_SHOWN


def _without_own_keys(value: Any) -> Any:
    return (
        Map((key, item) for key, item in value.items() if not key.startswith("x-")) if isinstance(value, Map) else value
    )


_SECRET: Rules[Shown] = patterns.table({"secrets.*": _file_object, "configs.*": _file_object})
_HIDDEN: Rules[Shown] = patterns.table(
    {
        "secrets.*": _file_object,
        "configs.*": _file_object,
        "services.*.pull_refresh_after": _never,
        "services.*.env_file.[]": _env_file,
        "services.*.volumes.[].bind.create_host_path": _if_true,
        "networks.*.ipam": _address_pools,
    }
)


# The shape of JSON


def _as_json(model: Map) -> dict[str, Any]:
    shaped: dict[str, Any] = {}
    for key, value in model.items():
        shaped[key] = value if key.startswith("x-") else _without_extensions(value, key)
    for service in shaped["services"].values():
        _service_as_json(service)
    for network in shaped.get("networks", {}).values():
        if isinstance(network, dict):
            network.setdefault("ipam", {})
    return shaped


_FREE_KEYS = frozenset(
    ("services", "networks", "volumes", "secrets", "configs", "models", "depends_on", "labels", "environment", "args")
)


def _without_extensions(value: Any, key: str) -> Any:
    """A copy without ``x-*``, except where keys are names of the user's choosing."""
    if isinstance(value, Map):
        free = key in _FREE_KEYS
        return {k: _without_extensions(v, k) for k, v in value.items() if free or not k.startswith("x-")}
    if isinstance(value, Seq):
        return [_without_extensions(item, "") for item in value]
    return value


def _service_as_json(service: dict[str, Any]) -> None:
    for key in ("command", "entrypoint"):
        service.setdefault(key, None)
    deploy = service.get("deploy")
    if isinstance(deploy, dict):
        deploy.setdefault("resources", {})
        deploy.setdefault("placement", {})
    for trigger in (service.get("develop") or {}).get("watch", ()):
        trigger.setdefault("exec", {}).setdefault("command", None)
    for limits in (service.get("ulimits"), (service.get("build") or {}).get("ulimits")):
        for limit in (limits or {}).values():
            for key in [key for key, number in limit.items() if not number] if isinstance(limit, dict) else ():
                del limit[key]
    blkio = service.get("blkio_config") or {}
    for key, devices in blkio.items():
        if isinstance(devices, list):
            blkio[key] = [{name.capitalize(): value for name, value in device.items()} for device in devices]
