"""Rows of the translation for what the host lends a container: capabilities, devices, namespaces, logging, ulimits.

Fields of ``Container`` in, entries of the engine's ``HostConfig`` out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from orchestrator.engines.docker.draft import Draft, Row, Wish
from orchestrator.errors import EngineError, Where
from orchestrator.model.values import Device, DeviceRequest

SERVICE = "service:"
_SECCOMP_WORDS = ("unconfined", "builtin", "")


def capabilities(names: Iterable[str]) -> list[str]:
    """In the engine's long form: the API, unlike its command line, takes names as they come."""
    return [long_capability(name) for name in names]


def long_capability(name: str) -> str:
    name = name.upper()
    return name if name == "ALL" or name.startswith("CAP_") else f"CAP_{name}"


def security_opt(draft: Draft, wish: Wish) -> None:
    options: list[str] = []
    for option in wish.settings.security_opt:
        if option.replace(":", "=") == "systempaths=unconfined":
            draft.host["MaskedPaths"] = []
            draft.host["ReadonlyPaths"] = []
        elif option.startswith(("seccomp=", "seccomp:")):
            options.append("seccomp=" + _profile(option[len("seccomp=") :], wish))
        else:
            options.append(option)
    if options:
        draft.host["SecurityOpt"] = options


def _profile(text: str, wish: Wish) -> str:
    """A seccomp profile's JSON: the engine may be far from the file."""
    if text in _SECCOMP_WORDS or text.startswith("{"):
        return text
    try:
        return json.dumps(json.loads(wish.around.read_text(text)), separators=(",", ":"))
    except (OSError, ValueError) as problem:
        raise EngineError(
            f"the seccomp profile cannot be used: {problem}",
            where=Where(file=text, path="security_opt"),
            hint="give the path of a JSON profile, or seccomp=unconfined",
            reference="bad-seccomp-profile",
        ) from problem


def credential_spec(draft: Draft, wish: Wish) -> None:
    """As the engine's command line does it; only engines on Windows accept one, others say so."""
    for kind, value in wish.settings.credential_spec.items():
        draft.host.setdefault("SecurityOpt", []).append(f"credentialspec={kind}://{value}")


def devices(draft: Draft, wish: Wish) -> None:
    plain = [device for device in wish.settings.devices if not is_cdi(device)]
    if plain:
        draft.host["Devices"] = [_device(device) for device in plain]


def is_cdi(device: Device) -> bool:
    """Whether it names a device of the Container Device Interface: ``vendor/class=name``, the same on both sides."""
    kind, equals, name = device.source.partition("=")
    vendor, slash, rest = kind.partition("/")
    return bool(device.source == device.target and equals and name and slash and vendor and rest and "/" not in rest)


def _device(device: Device) -> dict[str, str]:
    return {
        "PathOnHost": device.source,
        "PathInContainer": device.target or device.source,
        "CgroupPermissions": device.permissions or "rwm",
    }


def device_requests(draft: Draft, wish: Wish) -> None:
    requests = [_request(request) for request in wish.settings.device_requests]
    cdi = [device.source for device in wish.settings.devices if is_cdi(device)]
    if cdi:
        requests.append({"Driver": "cdi", "DeviceIDs": cdi})
    if requests:
        draft.host["DeviceRequests"] = requests


def _request(request: DeviceRequest) -> dict[str, Any]:
    parts = {
        "Driver": request.driver,
        "Count": request.count,
        "DeviceIDs": list(request.device_ids),
        "Capabilities": [list(request.capabilities)] if request.capabilities else None,
        "Options": dict(request.options),
    }
    return {key: value for key, value in parts.items() if value}


def namespace(key: str, field: str) -> Row:
    """A namespace that may be another container's: ``service:X`` becomes that service's container."""

    def row(draft: Draft, wish: Wish) -> None:
        value: str = getattr(wish.settings, field)
        if value:
            draft.host[key] = shared(value, wish, field.removesuffix("_mode"))

    return row


def shared(value: str, wish: Wish, kind: str) -> str:
    if value.startswith(SERVICE):
        return f"container:{wish.around.peer(value.removeprefix(SERVICE), f'{kind} namespace').id}"
    return value


def logging(draft: Draft, wish: Wish) -> None:
    logging = wish.settings.logging
    if logging is not None and (logging.driver or logging.options):
        draft.host["LogConfig"] = {"Type": logging.driver, "Config": dict(logging.options)}


def ulimits(draft: Draft, wish: Wish) -> None:
    if wish.settings.ulimits:
        draft.host["Ulimits"] = [
            {"Name": name, "Soft": limit.soft, "Hard": limit.hard} for name, limit in wish.settings.ulimits.items()
        ]
