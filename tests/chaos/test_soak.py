"""A daemon and a host to which something happens every one to three seconds: in the end all is as the files say, and no data is lost.

The short form runs every time; the long one (twenty minutes, or STACK_SOAK_SECONDS) under ``long``, with a seed of its own or
STACK_SOAK_SEED.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import EngineMaker
from tests.support.soaking import Soak

SHORT_ROUNDS = 2  # of every kind of fault
LONG_SECONDS = 20 * 60.0
CONVERGED_SECONDS = 60.0
GROWTH = 16.0  # MiB, of one daemon
DESCRIPTORS = 100


def soak(engine_of: EngineMaker, folder: Path, seed: int, seconds: float = 0.0) -> None:
    soaked = Soak(engine_of(), folder, seed, (1.0, 3.0) if seconds else (0.2, 1.0))
    print(f"seed {seed}")
    try:
        soaked.start()
        if seconds:
            soaked.work(seconds)
        else:
            soaked.rounds(SHORT_ROUNDS)
        soaked.converged(CONVERGED_SECONDS)
        soaked.watch.look()
        print(f"seed {seed}: {len(soaked.done)} faults, {dict(Counter(soaked.done))}; {soaked.watch.summary()}")
        assert [] == soaked.watch.broken, f"seed {seed}"
        assert soaked.left_over() == [], f"seed {seed}"
        assert soaked.watch.growth() < GROWTH, f"seed {seed}"
        assert max(sample.descriptors for sample in soaked.watch.samples) < DESCRIPTORS
        assert 0 == soaked.watch.samples[-1].zombies
        assert "defect" not in soaked.everything_said(), f"seed {seed}"
    finally:
        soaked.end()
        (folder / "said").write_text(soaked.everything_said(), encoding="utf-8")


def test_a_host_survives_whatever_happens_to_it(private_engine: EngineMaker, tmp_path: Path) -> None:
    soak(private_engine, tmp_path / "soak", 1)


@pytest.mark.long
@pytest.mark.timeout(2 * LONG_SECONDS)
def test_a_host_survives_whatever_happens_to_it_for_long(private_engine: EngineMaker, tmp_path: Path) -> None:
    seed = int(os.environ.get("STACK_SOAK_SEED") or random.randrange(1_000_000))
    soak(private_engine, tmp_path / "soak", seed, float(os.environ.get("STACK_SOAK_SECONDS") or LONG_SECONDS))
