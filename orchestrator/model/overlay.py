"""What a container gets that the file does not say: the image's own defaults, under the wish.

Canonical settings and an ``ImageDefaults`` come in, the settings that the engine will show come out. The rules are the
engine's: an entrypoint without a command drops the image's command; ``None`` removes a variable; labels, exposed ports
and volumes add up; the parts of a health check are inherited one by one.
"""

from __future__ import annotations

from orchestrator.model.canonical import Canonical
from orchestrator.model.container import ImageDefaults
from orchestrator.model.values import Healthcheck

_TEXTS = ("user", "working_dir", "stop_signal")
_MAPS = ("environment", "labels", "expose")


def overlaid(wanted: Canonical, image: ImageDefaults) -> Canonical:
    """``wanted`` as the engine reports it of a container made from ``image``."""
    result = dict(wanted)
    _put_command(result, image)
    for name in _TEXTS:
        if getattr(image, name) and name not in result:
            result[name] = getattr(image, name).rstrip("/") or "/" if name == "working_dir" else getattr(image, name)
    _put_maps(result, image)
    _put_healthcheck(result, image.healthcheck)
    return result


def without_extras(actual: Canonical, wanted: Canonical) -> Canonical:
    """``actual`` without what an unknown image may have added: only what ``wanted`` speaks of can be judged."""
    result = dict(actual)
    for name in ("command", "entrypoint", *_TEXTS, "healthcheck"):
        if name not in wanted:
            result.pop(name, None)
    for name in _MAPS:
        if name in result:
            result[name] = {key: value for key, value in result[name].items() if key in wanted.get(name, {})}
    if "healthcheck" in result:
        result["healthcheck"] = {k: v for k, v in result["healthcheck"].items() if k in wanted["healthcheck"]}
    return result


def without_image_volumes(settings: Canonical, wanted: Canonical, image: ImageDefaults | None) -> Canonical:
    """``settings`` without the anonymous volumes that an image has declared; where it is unknown, any nobody asks for."""
    mounts = settings.get("mounts")
    if not mounts:
        return settings
    asked = wanted.get("mounts", {}) if image is None else {}
    left = {
        target: mount
        for target, mount in mounts.items()
        if mount != {"type": "volume"} or not (target not in asked if image is None else target in image.volumes)
    }
    return settings if len(left) == len(mounts) else {**settings, "mounts": left}


def _put_command(result: Canonical, image: ImageDefaults) -> None:
    said = result.get("entrypoint") is not None
    if not result.get("command") and not (said and result["entrypoint"]) and image.command:
        result["command"] = image.command
    if not said and image.entrypoint:
        result["entrypoint"] = image.entrypoint


def _put_maps(result: Canonical, image: ImageDefaults) -> None:
    environment = {**image.environment, **result.get("environment", {})}
    result["environment"] = {name: value for name, value in environment.items() if value is not None}
    result["labels"] = {**image.labels, **result.get("labels", {})}
    exposed = {
        port if "/" in port else f"{port}/tcp": True for port in image.expose if port not in result.get("ports", {})
    }
    result["expose"] = {**exposed, **result.get("expose", {})}


def _put_healthcheck(result: Canonical, inherited: Healthcheck | None) -> None:
    if inherited is None or result.get("healthcheck", {}).get("test") == ("NONE",):
        return
    if inherited.disabled:
        result.setdefault("healthcheck", {"test": ("NONE",)})
        return
    parts = {
        "test": inherited.test,
        "interval": inherited.interval_ns,
        "timeout": inherited.timeout_ns,
        "start_period": inherited.start_period_ns,
        "start_interval": inherited.start_interval_ns,
        "retries": inherited.retries,
    }
    result["healthcheck"] = {name: value for name, value in parts.items() if value} | result.get("healthcheck", {})
