"""The fields of a service that make its containers: ``CONTAINER`` holds a row for each that can be read alone.

Values come in their final form and leave in the engine's units. What needs to know the project (networks, volumes,
configs, secrets, the image) is put in by ``build_service``.
"""

from __future__ import annotations

from typing import Any

from orchestrator.model.values import (
    BlkioConfig,
    Device,
    DeviceRate,
    DeviceRequest,
    Healthcheck,
    Logging,
    Port,
    RestartPolicy,
    Ulimit,
)
from orchestrator.spec import spellings, values
from orchestrator.spec.hints import quoted
from orchestrator.spec.records import Record, Row, each, members, pairs, rows, same, texts
from orchestrator.spec.values import BadValue


def count(value: Any) -> int:
    return values.whole(value, 0)


def signed(value: Any) -> int:
    """A number where -1 means no limit."""
    return values.whole(value, -1)


def _restart(text: str) -> RestartPolicy:
    return RestartPolicy(*values.restart_policy(text))


def _ulimit(value: Any) -> Ulimit:
    if isinstance(value, dict):
        return _LIMITS(value)
    return Ulimit(signed(value), signed(value))


def _host(text: str) -> str:
    """``name=address`` as the engine's ``name:address``."""
    name, _, address = text.partition("=")
    return f"{name}:{address}"


def _link(text: str) -> str:
    name, _, alias = text.partition(":")
    return f"{name}:{alias or name}"


def _exposed(text: str) -> str:
    """``8000-8010/udp``; without a protocol it is tcp."""
    numbers, _, protocol = text.partition("/")
    first, dash, last = numbers.partition("-")
    ends = (first, last) if dash else (first,)
    if not all(end.isascii() and end.isdigit() and len(end) < 6 and 0 < int(end) < 65536 for end in ends):
        raise BadValue(f"{quoted(text)} is not a port", "write a port from 1 to 65535, or a range: 8000-8010")
    return f"{numbers}/{protocol or 'tcp'}"


def _gpu(node: Any) -> DeviceRequest:
    request = DEVICE_REQUEST(node)
    if "gpu" in request.capabilities:
        return request
    return DEVICE_REQUEST({**node, "capabilities": [*request.capabilities, "gpu"]})


def _health(node: Any) -> Healthcheck:
    return Healthcheck(test=("NONE",)) if (node or {}).get("disable") else HEALTHCHECK(node)


_LIMITS: Record[Ulimit] = Record(Ulimit, rows(signed, "soft hard"))
HEALTHCHECK: Record[Healthcheck] = Record(
    Healthcheck,
    {
        "test": Row("test", texts),
        "retries": Row("retries", count),
        **{key: Row(f"{key}_ns", values.duration) for key in ("interval", "timeout", "start_period", "start_interval")},
    },
)
PORT: Record[Port] = Record(Port, rows(same, "target published protocol host_ip mode name app_protocol"))
DEVICE: Record[Device] = Record(Device, rows(same, "source target permissions"))
DEVICE_REQUEST: Record[DeviceRequest] = Record(
    DeviceRequest, {**rows(texts, "capabilities device_ids"), **rows(same, "driver count"), **rows(pairs, "options")}
)
LOGGING: Record[Logging] = Record(Logging, {"driver": Row("driver", same), "options": Row("options", pairs)})
RATE: Record[DeviceRate] = Record(DeviceRate, {"path": Row("path", same), "rate": Row("rate", values.size)})
WEIGHT: Record[DeviceRate] = Record(DeviceRate, {"path": Row("path", same), "weight": Row("rate", count)})
BLKIO: Record[BlkioConfig] = Record(
    BlkioConfig,
    {
        "weight": Row("weight", count),
        "weight_device": Row("weight_device", each(WEIGHT)),
        **rows(each(RATE), "device_read_bps device_read_iops device_write_bps device_write_iops"),
    },
)

CONTAINER: dict[str, Row] = {
    **rows(
        same,
        "platform user working_dir hostname domainname tty stdin_open stop_signal init privileged read_only "
        "network_mode ipc pid uts userns_mode cgroup cgroup_parent isolation runtime oom_kill_disable oom_score_adj "
        "use_api_socket",
    ),
    "mac_address": Row("mac_address", spellings.mac),
    **rows(
        texts,
        "command entrypoint cap_add cap_drop device_cgroup_rules group_add dns dns_opt dns_search volumes_from",
    ),
    **rows(pairs, "environment labels annotations sysctls storage_opt credential_spec"),
    **rows(count, "mem_swappiness cpu_count cpu_percent"),
    **rows(values.size, "shm_size"),
    "devices": Row("devices", each(DEVICE)),
    "expose": Row("expose", each(_exposed)),
    "external_links": Row("external_links", each(_link)),
    "extra_hosts": Row("extra_hosts", each(_host)),
    "gpus": Row("device_requests", each(_gpu)),
    "healthcheck": Row("healthcheck", _health),
    "links": Row("links", each(_link)),
    "logging": Row("logging", LOGGING),
    "ports": Row("ports", each(PORT)),
    "restart": Row("restart", _restart),
    "stop_grace_period": Row("stop_grace_period_ns", values.duration),
    "ulimits": Row("ulimits", members(_ulimit)),
}
# Fields of a service that become `Container.resources`; `deploy.resources` wins over them.
RESOURCES: dict[str, Row] = {
    "cpus": Row("nano_cpus", values.nano_cpus),
    **rows(count, "cpu_shares cpu_period cpu_rt_period cpu_rt_runtime"),
    **rows(signed, "cpu_quota pids_limit"),
    **rows(same, "cpuset"),
    "mem_limit": Row("memory", values.size),
    "mem_reservation": Row("memory_reservation", values.size),
    "memswap_limit": Row("memory_swap", values.swap_size),
    "blkio_config": Row("blkio", BLKIO),
}
