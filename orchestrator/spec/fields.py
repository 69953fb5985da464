"""The final form of every field, by name: the table that makes one model of the many ways to write it.

Durations become ``1m30s``, sizes a number of bytes, commands a list of words, labels and environment a mapping, and
what only repeats a default is left out, so that the model equals what Compose prints. A new field is one more name in
a row.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.spec.document import Map
from orchestrator.spec.forms import (
    Form,
    command,
    count,
    devices,
    duration,
    environment,
    flag,
    given_duration,
    given_flag,
    given_size,
    given_whole,
    health_test,
    hosts,
    keyed,
    listed,
    mapping,
    mode,
    mode_number,
    several,
    single,
    size,
    some,
    ssh_keys,
    struct,
    swap_size,
    text,
    texts,
    ulimit,
    whole,
    with_default,
)
from orchestrator.spec.rewrite import as_error
from orchestrator.spec.values import BadValue


def final(model: Map) -> Map:
    """``model`` with every field in its final form."""
    try:
        result = PROJECT(model)
    except BadValue as bad:
        raise as_error(model, bad) from None
    assert isinstance(result, Map)
    return result


def _rows(rows: Mapping[Form, str]) -> dict[str, Form]:
    return {name: form for form, names in rows.items() for name in names.split()}


HOOK = struct(
    {
        **_rows({text: "image user working_dir", flag: "privileged per_replica"}),
        "command": command,
        "environment": environment,
    }
)
FILE_MOUNT = struct({**_rows({text: "source target uid gid"}), "mode": mode})
DEVICE_REQUEST = struct(
    {**_rows({texts: "capabilities device_ids", text: "driver"}), "count": devices, "options": mapping}
)
RESOURCE = struct(
    {
        "cpus": single,
        "memory": size,
        "pids": whole,
        "devices": listed(DEVICE_REQUEST),
        "generic_resources": listed(struct({"discrete_resource_spec": struct({"kind": text, "value": given_whole})})),
    }
)
UPDATE = struct(
    {
        "parallelism": count,
        **_rows({duration: "delay monitor", text: "failure_action order"}),
        "max_failure_ratio": single,
    }
)
DEPLOY = struct(
    {
        **_rows(
            {
                text: "mode endpoint_mode",
                mapping: "labels",
                given_whole: "replicas",
                UPDATE: "update_config rollback_config",
            }
        ),
        "resources": struct({"limits": RESOURCE, "reservations": RESOURCE}, omit_empty=True),
        "restart_policy": struct(
            {"condition": text, "delay": given_duration, "max_attempts": count, "window": given_duration}
        ),
        "placement": struct(
            {"constraints": texts, "preferences": listed(struct({"spread": text})), "max_replicas_per_node": some},
            omit_empty=True,
        ),
    }
)
_PORT = struct({**_rows({text: "name mode host_ip published protocol app_protocol"}), "target": whole})
VOLUME_MOUNT = struct(
    {
        **_rows({text: "type source target consistency", flag: "read_only"}),
        "bind": struct(_rows({text: "selinux propagation recursive", given_flag: "create_host_path"})),
        "volume": struct({"labels": mapping, "nocopy": flag, "subpath": text}),
        "tmpfs": struct({"size": size, "mode": mode_number}),
        "image": struct({"subpath": text}),
    }
)
BUILD = struct(
    {
        **_rows(
            {
                text: "context dockerfile dockerfile_inline isolation network provenance sbom target",
                texts: "cache_from cache_to entitlements no_cache_filter platforms tags",
                flag: "no_cache privileged pull",
                mapping: "additional_contexts labels",
            }
        ),
        "args": environment,
        "ssh": ssh_keys,
        "extra_hosts": hosts,
        "secrets": listed(FILE_MOUNT),
        "shm_size": size,
        "ulimits": keyed(ulimit),
    }
)
_WEIGHT = with_default("path", "", with_default("weight", 0, struct({"path": text, "weight": count})))
_RATE = with_default("path", "", with_default("rate", "0", struct({"path": text, "rate": given_size})))
BLKIO = struct(
    {
        "weight": whole,
        "weight_device": listed(_WEIGHT),
        **{
            name: listed(_RATE)
            for name in ("device_read_bps", "device_read_iops", "device_write_bps", "device_write_iops")
        },
    }
)
TRIGGER = struct({**_rows({text: "target", texts: "include ignore", flag: "initial_sync"}), "exec": HOOK})
SERVICE_NETWORK = struct(
    {
        **_rows(
            {
                texts: "aliases link_local_ips",
                text: "interface_name ipv4_address ipv6_address mac_address",
                whole: "gw_priority priority",
            }
        ),
        "driver_opts": mapping,
    }
)
SERVICE = struct(
    {
        **_rows(
            {
                text: (
                    "cgroup_parent cgroup cpuset container_name domainname hostname image ipc isolation mac_address "
                    "network_mode pid platform pull_policy restart runtime stop_signal user userns_mode uts working_dir"
                ),
                texts: (
                    "profiles cap_add cap_drop device_cgroup_rules dns dns_opt dns_search expose external_links "
                    "group_add label_file links security_opt tmpfs volumes_from"
                ),
                whole: (
                    "cpu_count cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares oom_score_adj pids_limit"
                ),
                single: "cpu_percent cpus",
                size: "mem_limit mem_reservation shm_size",
                swap_size: "memswap_limit",
                given_size: "mem_swappiness",
                flag: "oom_kill_disable privileged read_only stdin_open tty use_api_socket",
                given_flag: "attach init",
                given_whole: "scale",
                given_duration: "stop_grace_period",
                mapping: "annotations labels storage_opt sysctls",
                command: "command entrypoint",
            }
        ),
        "environment": environment,
        "extra_hosts": hosts,
        "build": BUILD,
        "deploy": DEPLOY,
        "blkio_config": BLKIO,
        "configs": listed(FILE_MOUNT),
        "secrets": listed(FILE_MOUNT),
        "credential_spec": struct(_rows({text: "config file registry"})),
        "depends_on": keyed(
            with_default("required", False, struct({"condition": text, "restart": flag, "required": given_flag}))
        ),
        "develop": struct({"watch": listed(TRIGGER)}),
        "devices": listed(struct(_rows({text: "source target permissions"}))),
        "gpus": listed(DEVICE_REQUEST),
        "healthcheck": struct(
            {
                "test": health_test,
                **_rows({given_duration: "timeout interval start_period start_interval"}),
                "retries": count,
                "disable": flag,
            }
        ),
        "logging": struct({"driver": text, "options": mapping}),
        "models": keyed(struct(_rows({text: "endpoint_var model_var"})), keep_null=True),
        "networks": keyed(SERVICE_NETWORK, keep_null=True),
        "ports": listed(_PORT),
        "provider": struct({"type": text, "options": several}),
        "ulimits": keyed(ulimit),
        "volumes": listed(VOLUME_MOUNT),
        **{name: listed(HOOK) for name in ("pre_start", "post_start", "pre_stop")},
    }
)
_POOL = struct({**_rows({text: "subnet gateway ip_range"}), "aux_addresses": mapping})
NETWORK = struct(
    {
        **_rows(
            {
                text: "name driver",
                mapping: "driver_opts labels",
                flag: "external internal attachable",
                given_flag: "enable_ipv4 enable_ipv6",
            }
        ),
        "ipam": struct({"driver": text, "config": listed(_POOL), "options": mapping}, omit_empty=True),
    }
)
VOLUME = struct(_rows({text: "name driver", mapping: "driver_opts labels", flag: "external"}))
FILE_OBJECT = struct(
    _rows(
        {text: "name file environment content driver template_driver", mapping: "labels driver_opts", flag: "external"}
    )
)
MODEL = struct({**_rows({text: "name model"}), "context_size": whole, "runtime_flags": texts})
PROJECT = struct(
    {
        "services": keyed(SERVICE),
        "networks": keyed(NETWORK),
        "volumes": keyed(VOLUME),
        "configs": keyed(FILE_OBJECT),
        "secrets": keyed(FILE_OBJECT),
        "models": keyed(MODEL),
    }
)
