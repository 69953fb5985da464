"""Rows of reading back: capabilities, security options, devices, namespaces, logging, ulimits (mirror of
``translate_host``)."""

from __future__ import annotations

from typing import Any

from orchestrator.engines.docker.reading import Reader, Reading
from orchestrator.model.values import Device, DeviceRequest, Logging, Ulimit

CONTAINER = "container:"
_CREDENTIALS = "credentialspec="


def capabilities(key: str) -> Reader:
    """In the short form of files, whatever form the creator used."""

    def read(reading: Reading) -> tuple[str, ...]:
        return tuple(name.upper().removeprefix("CAP_") for name in reading.host.get(key) or ())

    return read


def security_opt(reading: Reading) -> tuple[str, ...]:
    options = [option for option in reading.host.get("SecurityOpt") or () if not option.startswith(_CREDENTIALS)]
    if _labels_disabled_by_engine(reading) and "label=disable" in options:
        options.remove("label=disable")
    if reading.host.get("MaskedPaths") == [] and reading.host.get("ReadonlyPaths") == []:
        options.append("systempaths=unconfined")
    return tuple(options)


def _labels_disabled_by_engine(reading: Reading) -> bool:
    shared = reading.host.get("PidMode") == "host" or reading.host.get("IpcMode") == "host"
    return shared or bool(reading.host.get("Privileged"))


def credential_spec(reading: Reading) -> dict[str, str]:
    options = reading.host.get("SecurityOpt") or ()
    specs = (option.removeprefix(_CREDENTIALS) for option in options if option.startswith(_CREDENTIALS))
    return {kind: value for kind, _, value in (spec.partition("://") for spec in specs)}


def devices(reading: Reading) -> tuple[Device, ...]:
    plain = [
        Device(device["PathOnHost"], device["PathInContainer"], device.get("CgroupPermissions") or "rwm")
        for device in reading.host.get("Devices") or ()
    ]
    cdi = [Device(name, name) for request in _requests(reading) if _is_cdi(request) for name in request["DeviceIDs"]]
    return (*plain, *cdi)


def device_requests(reading: Reading) -> tuple[DeviceRequest, ...]:
    return tuple(_request(request) for request in _requests(reading) if not _is_cdi(request))


def _requests(reading: Reading) -> list[dict[str, Any]]:
    return reading.host.get("DeviceRequests") or []


def _is_cdi(request: dict[str, Any]) -> bool:
    return request.get("Driver") == "cdi" and bool(request.get("DeviceIDs"))


def _request(request: dict[str, Any]) -> DeviceRequest:
    return DeviceRequest(
        capabilities=tuple(name for group in request.get("Capabilities") or () for name in group),
        driver=request.get("Driver") or "",
        count=request.get("Count") or None,
        device_ids=tuple(request.get("DeviceIDs") or ()),
        options=dict(request.get("Options") or {}),
    )


def namespace(key: str, name: str) -> Reader:
    def read(reading: Reading) -> str:
        value: str = reading.host.get(key) or ""
        if value == getattr(reading.context.defaults, name):
            return ""
        return shared(value, reading)

    return read


def shared(value: str, reading: Reading) -> str:
    """``container:ID`` as the service whose container that is; another's stays what it is."""
    if not value.startswith(CONTAINER):
        return value
    service = reading.context.services.get(value.removeprefix(CONTAINER), "")
    return f"service:{service}" if service else value


def logging(reading: Reading) -> Logging | None:
    value = reading.host.get("LogConfig") or {}
    driver, options = value.get("Type") or "", dict(value.get("Config") or {})
    default = reading.context.defaults.logging
    if not options and (not driver or (default is not None and driver == default.driver)):
        return None
    return Logging(driver, options)


def ulimits(reading: Reading) -> dict[str, Ulimit]:
    return {limit["Name"]: Ulimit(limit["Soft"], limit["Hard"]) for limit in reading.host.get("Ulimits") or ()}


def swappiness(reading: Reading) -> int | None:
    """Some engines write "not said" as -1."""
    value: int | None = reading.host.get("MemorySwappiness")
    return None if value is None or value < 0 else value
