"""Limits of a container, as create and update calls have them."""

from __future__ import annotations

from typing import Any

from orchestrator.admission import reading, security
from orchestrator.admission.judging import Judge, Table, each, never
from orchestrator.model.admission import PIDS


def _pids(judge: Judge, field: str, value: Any) -> None:
    most, said = judge.grants.pids or PIDS, reading.number(value)
    if said < 0 or said > most:
        judge.refuse(
            "pids", field, said, f"{'no bound' if said < 0 else said} is more than the {most} processes permitted"
        )


LIMITS: Table = {
    "CpuShares": None,
    "Memory": None,
    "NanoCpus": None,
    "BlkioWeight": None,
    "BlkioWeightDevice": None,
    "BlkioDeviceReadBps": None,
    "BlkioDeviceWriteBps": None,
    "BlkioDeviceReadIOps": None,
    "BlkioDeviceWriteIOps": None,
    "CpuPeriod": None,
    "CpuQuota": None,
    "CpuRealtimePeriod": None,
    "CpuRealtimeRuntime": None,
    "CpusetCpus": None,
    "CpusetMems": None,
    "MemoryReservation": None,
    "MemorySwap": None,
    "MemorySwappiness": None,
    "CpuCount": None,
    "CpuPercent": None,
    "Ulimits": None,
    "PidsLimit": _pids,
    "OomKillDisable": never("oom", "it would not be ended when memory runs out"),
    "CgroupParent": never("cgroup-parent", "a place of one's own among the host's cgroups"),
    "Devices": each(security.device),
    "DeviceCgroupRules": each(security.device_rule),
    "DeviceRequests": each(security.device_request),
}
