"""What the engine reports of a container's use of the machine, in the terms that `docker stats` shows. Pure.

Counters grow; processor time is the share between two reports. File cache that can be dropped is no memory in use. Both
generations of control groups are understood.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.engines.hands import Measured

Report = Mapping[str, Any]


def measured(report: Report) -> Measured:
    memory = report.get("memory_stats") or {}
    used, limit = _memory(memory), float(memory.get("limit") or 0)
    networks = (report.get("networks") or {}).values()
    read, written = _block(report)
    return Measured(
        cpu=_cpu(report),
        memory=used,
        memory_limit=limit,
        memory_share=used / limit * 100 if limit else 0.0,
        received=sum(int(network.get("rx_bytes") or 0) for network in networks),
        sent=sum(int(network.get("tx_bytes") or 0) for network in networks),
        read=read,
        written=written,
        processes=int((report.get("pids_stats") or {}).get("current") or 0),
    )


def _cpu(report: Report) -> float:
    now, before = report.get("cpu_stats") or {}, report.get("precpu_stats") or {}
    spent = _total(now) - _total(before)
    passed = (now.get("system_cpu_usage") or 0) - (before.get("system_cpu_usage") or 0)
    if spent <= 0 or passed <= 0:
        return 0.0
    processors = now.get("online_cpus") or len((now.get("cpu_usage") or {}).get("percpu_usage") or ()) or 1
    return float(spent / passed * processors * 100)


def _total(cpu: Mapping[str, Any]) -> int:
    return int((cpu.get("cpu_usage") or {}).get("total_usage") or 0)


def _memory(memory: Mapping[str, Any]) -> float:
    usage, details = int(memory.get("usage") or 0), memory.get("stats") or {}
    for name in ("total_inactive_file", "inactive_file"):
        cache = int(details.get(name) or 0)
        if name in details and cache < usage:
            return float(usage - cache)
    return float(usage)


def _block(report: Report) -> tuple[int, int]:
    read = written = 0
    for entry in (report.get("blkio_stats") or {}).get("io_service_bytes_recursive") or ():
        kind = str(entry.get("op", ""))[:1].lower()
        read += int(entry.get("value") or 0) if kind == "r" else 0
        written += int(entry.get("value") or 0) if kind == "w" else 0
    return read, written
