"""The order in which a printed model's keys stand: Compose's own, so that its users and their scripts find a line where
they look for it.

What has fields of its own (a service, a port) has them in a fixed order; what is named by the user (services, labels)
is sorted, and so are fields that Compose does not know.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cmp_to_key
from typing import Any

from orchestrator.spec import patterns
from orchestrator.spec.patterns import Rules

Fields = dict[str, int]

_PROJECT = "name services networks volumes secrets configs models"
_SERVICE = """
    name profiles annotations attach build develop blkio_config cap_add cap_drop cgroup_parent cgroup cpu_count
    cpu_percent cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpus cpuset cpu_shares command configs container_name
    credential_spec depends_on deploy device_cgroup_rules devices dns dns_opt dns_search dockerfile domainname
    entrypoint provider environment env_file expose extends external_links extra_hosts group_add gpus hostname
    healthcheck image init ipc isolation labels label_file links logging log_driver log_opt mem_limit mem_reservation
    memswap_limit mem_swappiness mac_address models net network_mode networks oom_kill_disable oom_score_adj pid
    pids_limit platform ports privileged pull_policy read_only restart runtime scale secrets security_opt shm_size
    stdin_open stop_grace_period stop_signal storage_opt sysctls tmpfs tty ulimits use_api_socket user userns_mode uts
    volume_driver volumes volumes_from working_dir post_start pre_stop"""
_BUILD = """
    context dockerfile dockerfile_inline entitlements args provenance sbom ssh labels cache_from cache_to no_cache
    no_cache_filter additional_contexts pull extra_hosts isolation network target secrets shm_size tags ulimits
    platforms privileged"""
_UPDATE = "parallelism delay failure_action monitor max_failure_ratio order"
_RESOURCES = "cpus memory pids devices generic_resources"
_DEVICE = "capabilities driver count device_ids options"
_GRANT = "source target uid gid mode"
_HOOK = "command user privileged working_dir environment"
_LIMIT = "single soft hard"
_FILE = "name file environment content external labels driver driver_opts template_driver"

_BY_PLACE: dict[str, str] = {
    "services.*": _SERVICE,
    "services.*.blkio_config": (
        "weight weight_device device_read_bps device_read_iops device_write_bps device_write_iops"
    ),
    "services.*.blkio_config.*.[]": "path weight rate",
    "services.*.build": _BUILD,
    "services.*.build.secrets.[]": _GRANT,
    "services.*.build.ulimits.*": _LIMIT,
    "services.*.configs.[]": _GRANT,
    "services.*.credential_spec": "config file registry",
    "services.*.depends_on.*": "condition restart required",
    "services.*.deploy": (
        "mode replicas labels update_config rollback_config resources restart_policy placement endpoint_mode"
    ),
    "services.*.deploy.placement": "constraints preferences max_replicas_per_node",
    "services.*.deploy.resources": "limits reservations",
    "services.*.deploy.resources.*": _RESOURCES,
    "services.*.deploy.resources.*.devices.[]": _DEVICE,
    "services.*.deploy.restart_policy": "condition delay max_attempts window",
    "services.*.deploy.rollback_config": _UPDATE,
    "services.*.deploy.update_config": _UPDATE,
    "services.*.develop.watch.[]": "path action target exec include ignore initial_sync",
    "services.*.develop.watch.[].exec": _HOOK,
    "services.*.devices.[]": "source target permissions",
    "services.*.env_file.[]": "path required format",
    "services.*.extends": "file service",
    "services.*.gpus.[]": _DEVICE,
    "services.*.healthcheck": "test timeout interval retries start_period start_interval disable",
    "services.*.logging": "driver options",
    "services.*.models.*": "endpoint_var model_var",
    "services.*.networks.*": (
        "aliases driver_opts gw_priority interface_name ipv4_address ipv6_address link_local_ips mac_address priority"
    ),
    "services.*.ports.[]": "name mode host_ip target published protocol app_protocol",
    "services.*.post_start.[]": _HOOK,
    "services.*.pre_stop.[]": _HOOK,
    "services.*.provider": "type options",
    "services.*.secrets.[]": _GRANT,
    "services.*.ulimits.*": _LIMIT,
    "services.*.volumes.[]": "type source target read_only consistency bind volume tmpfs image",
    "services.*.volumes.[].bind": "selinux propagation create_host_path recursive",
    "services.*.volumes.[].tmpfs": "size mode",
    "services.*.volumes.[].volume": "labels nocopy subpath",
    "networks.*": ("name driver driver_opts ipam external internal attachable labels enable_ipv4 enable_ipv6"),
    "networks.*.ipam": "driver config",
    "networks.*.ipam.config.[]": "subnet gateway ip_range aux_addresses",
    "volumes.*": "name driver driver_opts external labels",
    "secrets.*": _FILE,
    "configs.*": _FILE,
    "models.*": "name model context_size runtime_flags",
}


def _ranks(words: str) -> Fields:
    return {word: rank for rank, word in enumerate(words.split())}


_TABLE: Rules[Fields] = patterns.table({place: _ranks(words) for place, words in _BY_PLACE.items()})
_TOP = _ranks(_PROJECT)
Sorted = Callable[[Any], list[str]]


def for_yaml(model: Any) -> Any:
    """A copy of the model whose mappings stand in the order of YAML: sorted names read as people read them."""
    return _ordered(model, _TABLE, _TOP, naturally)


def for_json(model: Any) -> Any:
    """The same for JSON, where the sections of the file and all names are sorted by their characters."""
    return _ordered(model, _TABLE, None, sorted)


def by_name(model: Any) -> Any:
    """A copy whose mappings are all sorted as YAML's printer does, for a model whose fields are as they were written."""
    return _ordered(model, None, None, naturally)


def _ordered(value: Any, rules: Rules[Fields] | None, fields: Fields | None, by_name: Sorted) -> Any:
    if isinstance(value, dict):
        return {key: _below(value[key], rules, key, by_name) for key in _keys(value, fields, by_name)}
    if isinstance(value, list):
        item = rules.item if rules else None
        return [_ordered(each, item, item.rule if item else None, by_name) for each in value]
    return value


def _below(value: Any, rules: Rules[Fields] | None, key: str, by_name: Sorted) -> Any:
    below = rules.below(key) if rules else None
    return _ordered(value, below, below.rule if below else None, by_name)


def _keys(value: dict[str, Any], fields: Fields | None, by_name: Sorted) -> list[str]:
    if fields is None:
        return by_name(value)
    known = sorted((key for key in value if key.lower() in fields), key=lambda key: fields[key.lower()])
    return [*known, *by_name([key for key in value if key.lower() not in fields])]


def naturally(names: Any) -> list[str]:
    """Names in the order of YAML's own printer: digits by their number, and letters after everything else."""
    return sorted(names, key=_NATURAL)


def _compare(one: str, other: str) -> int:
    digits = False
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a == b:
            digits = a.isdigit()
            continue
        if a.isalpha() and b.isalpha():
            return -1 if a < b else 1
        if a.isalpha() or b.isalpha():
            return -1 if a.isalpha() == digits else 1
        return _numbers(one, other, place)
    return len(one) - len(other)


def _numbers(one: str, other: str, place: int) -> int:
    """Which comes first where they differ at ``place`` and neither has a letter there."""
    a, b = _digits(one, place), _digits(other, place)
    filled = "1" if "0" in (one[place], other[place]) and _follows_a_number(one, place) else ""
    values = int(filled + a or "0"), int(filled + b or "0")
    if values[0] != values[1]:
        return -1 if values[0] < values[1] else 1
    if len(a) != len(b):
        return len(a) - len(b)
    return -1 if one[place] < other[place] else 1


def _digits(text: str, place: int) -> str:
    end = place
    while end < len(text) and "0" <= text[end] <= "9":
        end += 1
    return text[place:end]


def _follows_a_number(text: str, place: int) -> bool:
    before = place
    while before and "0" <= text[before - 1] <= "9":
        before -= 1
    return bool(text[before:place].strip("0"))


_NATURAL = cmp_to_key(_compare)
