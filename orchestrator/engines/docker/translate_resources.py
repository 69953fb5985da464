"""Limits and restart policy: rows for the create call, and the body of the engine's update call.

Both leave out what is not said: no engine can lift most limits in place, it takes 0 as "leave it".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator.engines.docker.draft import Draft, Wish
from orchestrator.engines.docker.terms import BLKIO_DEVICES, LIMITS
from orchestrator.model.values import BlkioConfig, DeviceRate, Resources, RestartPolicy


def resources(draft: Draft, wish: Wish) -> None:
    draft.host.update(_given(wish.settings.resources))


def restart(draft: Draft, wish: Wish) -> None:
    if wish.settings.restart != RestartPolicy():
        draft.host["RestartPolicy"] = restart_policy(wish.settings.restart)


def restart_policy(policy: RestartPolicy) -> dict[str, Any]:
    return {"Name": policy.name or "no", "MaximumRetryCount": policy.max_retries}


def update(wanted: Resources | None, policy: RestartPolicy | None) -> dict[str, Any]:
    """The body of an update; what is ``None`` stays as it is."""
    body: dict[str, Any] = {}
    if wanted is not None:
        body |= _given(wanted)
        if wanted.memory and wanted.memory_swap is None:
            # Said aloud, because the engine would compare the new limit with the old one's double.
            body["MemorySwap"] = 2 * wanted.memory
    if policy is not None:
        body["RestartPolicy"] = restart_policy(policy)
    return body


def _given(wanted: Resources) -> dict[str, Any]:
    limits = {key: getattr(wanted, name) for name, key in LIMITS.items()}
    given = {key: value for key, value in limits.items() if value not in (None, "")}
    return given | (_blkio(wanted.blkio) if wanted.blkio else {})


def _blkio(blkio: BlkioConfig) -> dict[str, Any]:
    given: dict[str, Any] = {"BlkioWeight": blkio.weight} if blkio.weight else {}
    for name, (key, unit) in BLKIO_DEVICES.items():
        if rates := getattr(blkio, name):
            given[key] = _rates(rates, unit)
    return given


def _rates(rates: Iterable[DeviceRate], unit: str) -> list[dict[str, Any]]:
    return [{"Path": rate.path, unit: rate.rate} for rate in rates]
