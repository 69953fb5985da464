"""Text that stands where a number or a boolean belongs: which fields, and how the text is read.

Applied right after a value was substituted, because ``replicas: ${REPLICAS}`` is text until then. The fields are
those that Compose casts; a boolean may be spelled the YAML 1.1 way, with a warning.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from orchestrator.spec import patterns

Cast = Callable[[str], Any]

_TRUE, _FALSE = frozenset(("true", "y", "yes", "on")), frozenset(("false", "n", "no", "off"))


def whole(text: str) -> int:
    digits = text[1:] if text[:1] in ("+", "-") else text
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"{text!r} is not a whole number")
    value = int(text) if len(digits) < 40 else 2**64
    if not -(2**63) <= value < 2**63:
        raise ValueError(f"{text!r} is too large a number")
    return value


def number(text: str) -> float:
    if text != text.strip() or "_" in text:
        raise ValueError(f"{text!r} is not a number")
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    if math.isinf(value) and "inf" not in text.lower():
        raise ValueError(f"{text!r} is too large a number")
    return value


def boolean(text: str) -> bool:
    folded = text.lower()
    if folded in _TRUE or folded in _FALSE:
        return folded in _TRUE
    raise ValueError(f"{text!r} is neither true nor false")


def is_old_boolean(text: str) -> bool:
    """Whether ``text`` is a boolean of YAML 1.1 only."""
    return text.lower() not in ("true", "false")


def _table() -> dict[str, Cast]:
    service = {
        whole: (
            "cpu_count cpu_period cpu_quota cpu_rt_period cpu_rt_runtime cpu_shares deploy.replicas "
            "deploy.update_config.parallelism deploy.rollback_config.parallelism deploy.restart_policy.max_attempts "
            "deploy.placement.max_replicas_per_node healthcheck.retries oom_score_adj pids_limit ports.[].target scale "
            "ulimits.* ulimits.*.hard ulimits.*.soft "
            "x-stack.probe.http.port x-stack.probe.tcp.port x-stack.probe.retries"
        ),
        number: ("cpu_percent cpus deploy.update_config.max_failure_ratio deploy.rollback_config.max_failure_ratio"),
        boolean: (
            "init healthcheck.disable oom_kill_disable privileged read_only stdin_open tty volumes.[].read_only "
            "volumes.[].volume.nocopy x-stack.adopt"
        ),
    }
    rules: dict[str, Cast] = {f"services.*.{path}": cast for cast, paths in service.items() for path in paths.split()}
    for name in ("external", "internal", "attachable", "enable_ipv4", "enable_ipv6"):
        rules[f"networks.*.{name}"] = boolean
    rules |= {f"{kind}.*.external": boolean for kind in ("volumes", "secrets", "configs")}
    rules |= dict.fromkeys(("volumes.*.x-stack.protect", "volumes.*.x-stack.exclusive"), boolean)
    return rules


CASTS: patterns.Rules[Cast] = patterns.table(_table())
