"""What the doctor says about an engine's answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cli import checks
from orchestrator.model.plan import Level


@pytest.mark.parametrize(
    ("pools", "used", "free"),
    [
        ([("10.0.0.0/16", 24)], [], 256),
        ([("10.0.0.0/16", 24)], ["10.0.3.0/24", "10.0.4.128/25"], 254),
        ([("10.0.0.0/16", 24)], ["10.0.0.0/20"], 240),
        ([("10.0.0.0/24", 24)], ["10.0.0.0/8"], 0),
        ([("10.0.0.0/16", 24), ("10.1.0.0/24", 24)], ["192.168.0.0/24", "fd00::/64"], 257),
        ([("fd00::/48", 64)], [], 0),
    ],
)
def test_subnets_that_are_left(pools: list[tuple[str, int]], used: list[str], free: int) -> None:
    assert free == checks.free_subnets(pools, used)


def test_an_engine_without_pools_of_its_own_has_the_usual_ones() -> None:
    assert "about 31 networks" in checks.pools({}, [], 1).text


@pytest.mark.parametrize(("needed", "level"), [(1, Level.INFO), (2, Level.WARNING), (5, Level.ERROR)])
def test_too_few_subnets_for_the_stack(needed: int, level: Level) -> None:
    info = {"DefaultAddressPools": [{"Base": "10.0.0.0/22", "Size": 24}]}
    assert level is checks.pools(info, [], needed).level


@pytest.mark.parametrize(("skew", "level"), [(0.4, Level.INFO), (-3.0, Level.WARNING), (90.0, Level.WARNING)])
def test_a_clock_that_is_wrong(skew: float, level: Level) -> None:
    assert level is checks.clock(skew).level


def test_a_disk_that_cannot_be_seen_is_no_alarm(tmp_path: Path) -> None:
    assert Level.INFO is checks.disk({"DockerRootDir": str(tmp_path)}, local=False).level
    assert "free in" in checks.disk({"DockerRootDir": str(tmp_path)}, local=True).text


def test_a_disk_that_is_nearly_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "LEAST_FREE", 1.1)
    found = checks.disk({"DockerRootDir": str(tmp_path)}, local=True)
    assert Level.WARNING is found.level
    assert "stack prune" in found.hint
