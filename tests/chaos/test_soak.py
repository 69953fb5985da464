"""A daemon and a host to which something happens every one to three seconds: in the end all is as the files say, and no data is lost.

The short form runs every time; the long one (twenty minutes, or STACK_SOAK_SECONDS) under ``long``, with a seed of its own or
STACK_SOAK_SEED.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.conftest import EngineMaker
from tests.support.soaking import STACKS, Soak

SHORT_SECONDS = 25.0
LONG_SECONDS = 20 * 60.0
MENDED_SECONDS = 120.0  # a crash loop that somebody made may rest for a while


def soak(engine_of: EngineMaker, folder: Path, seconds: float, seed: int) -> None:
    soaked = Soak(engine_of(), folder, seed)
    print(f"seed {seed}")
    try:
        soaked.start()
        soaked.work(seconds)
        soaked.converged(MENDED_SECONDS + seconds / 2)
        assert {name: name for name in STACKS} == soaked.canaries(), f"seed {seed}"
        assert soaked.descriptors() < 100
        assert "defect" not in soaked.daemon.stderr if soaked.daemon else False, f"seed {seed}"
    finally:
        soaked.end()


def test_a_host_survives_whatever_happens_to_it(private_engine: EngineMaker, tmp_path: Path) -> None:
    soak(private_engine, tmp_path / "soak", SHORT_SECONDS, 1)


@pytest.mark.long
@pytest.mark.timeout(2 * LONG_SECONDS)
def test_a_host_survives_whatever_happens_to_it_for_long(private_engine: EngineMaker, tmp_path: Path) -> None:
    seed = int(os.environ.get("STACK_SOAK_SEED") or random.randrange(1_000_000))
    soak(private_engine, tmp_path / "soak", float(os.environ.get("STACK_SOAK_SECONDS") or LONG_SECONDS), seed)
