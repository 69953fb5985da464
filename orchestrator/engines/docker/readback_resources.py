"""Rows of reading back: limits and restart policy (mirror of ``translate_resources``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.engines.docker.reading import Reading
from orchestrator.engines.docker.terms import BLKIO_DEVICES, LIMITS
from orchestrator.model.values import BlkioConfig, DeviceRate, Resources, RestartPolicy

# -1 is how a limit looks that was lifted in place.
_LIFTED = ("memory_reservation", "cpu_quota", "pids_limit")


def resources(reading: Reading) -> Resources:
    values: dict[str, Any] = {name: reading.host.get(key) or None for name, key in LIMITS.items()}
    for name in _LIFTED:
        if values[name] == -1:
            values[name] = None
    if _swap_is_implied(values, swap_limited=reading.context.swap_limited):
        values["memory_swap"] = None
    values["cpuset"] = values["cpuset"] or ""
    return Resources(**values, blkio=_blkio(reading.host))


def _swap_is_implied(values: Mapping[str, Any], *, swap_limited: bool) -> bool:
    """Twice the memory is what the engine writes by itself; where the kernel counts no swap, -1."""
    memory, swap = values["memory"], values["memory_swap"]
    return (memory is not None and swap == 2 * memory) or (swap == -1 and not swap_limited)


def _blkio(host: Mapping[str, Any]) -> BlkioConfig | None:
    rates: dict[str, Any] = {name: _rates(host.get(key), unit) for name, (key, unit) in BLKIO_DEVICES.items()}
    blkio = BlkioConfig(weight=host.get("BlkioWeight") or None, **rates)
    return None if blkio == BlkioConfig() else blkio


def _rates(values: list[dict[str, Any]] | None, unit: str) -> tuple[DeviceRate, ...]:
    return tuple(DeviceRate(value["Path"], value[unit]) for value in values or ())


def restart(reading: Reading) -> RestartPolicy:
    policy = reading.host.get("RestartPolicy") or {}
    return RestartPolicy(policy.get("Name") or "no", policy.get("MaximumRetryCount") or 0)
