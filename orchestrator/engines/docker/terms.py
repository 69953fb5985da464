"""The engine's terms for ours, where translating and reading back must agree: tables used in both directions."""

from __future__ import annotations

from orchestrator.errors import EngineError

# Field of Resources -> key of the engine's HostConfig.
LIMITS = {
    "nano_cpus": "NanoCpus",
    "cpu_shares": "CpuShares",
    "cpu_period": "CpuPeriod",
    "cpu_quota": "CpuQuota",
    "cpu_rt_period": "CpuRealtimePeriod",
    "cpu_rt_runtime": "CpuRealtimeRuntime",
    "cpuset": "CpusetCpus",
    "memory": "Memory",
    "memory_reservation": "MemoryReservation",
    "memory_swap": "MemorySwap",
    "pids_limit": "PidsLimit",
}

# Field of BlkioConfig -> key of the HostConfig, and the key of the number in its entries.
BLKIO_DEVICES = {
    "weight_device": ("BlkioWeightDevice", "Weight"),
    "device_read_bps": ("BlkioDeviceReadBps", "Rate"),
    "device_read_iops": ("BlkioDeviceReadIOps", "Rate"),
    "device_write_bps": ("BlkioDeviceWriteBps", "Rate"),
    "device_write_iops": ("BlkioDeviceWriteIOps", "Rate"),
}

# bind.recursive -> key of the engine's BindOptions; "enabled" is what it does by itself.
RECURSION = {"disabled": "NonRecursive", "writable": "ReadOnlyNonRecursive", "readonly": "ReadOnlyForceRecursive"}

INTERFACE_NAME_OPTION = "com.docker.network.endpoint.ifname"


def exposed_ports(entry: str) -> list[str]:
    """``8000-8001/udp`` as single ports with a protocol; the engine reads a range as port 0."""
    numbers, _, protocol = entry.partition("/")
    first, _, last = numbers.partition("-")
    if not first.isdigit() or (last and not last.isdigit()):
        raise EngineError(f"expose: {entry!r} is no port", reference="bad-port", hint="write 8080, 8080/udp or 80-89")
    return [f"{number}/{protocol or 'tcp'}" for number in range(int(first), int(last or first) + 1)]
