"""Whatever bytes a spec holds, loading it gives a model or an error for its author: no traceback, no signal, no hang.

2,000 mutants in every run; ``python -m tests.support.spec_mutations 100000`` tries many more in all processors.
"""

from __future__ import annotations

import resource

import pytest

from tests.support import spec_mutations

PART, PARTS = 250, 8
MIB_MOST = 256


@pytest.mark.parametrize("part", range(PARTS))
def test_no_mutant_breaks_the_loader(part: int) -> None:
    assert [] == spec_mutations.try_many(range(part * PART, (part + 1) * PART))


def test_mutants_need_little_memory() -> None:
    """Peak memory of this process may grow only so far, whatever the mutants stand for when written out."""
    spec_mutations.try_many(range(10))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    spec_mutations.try_many(range(100_000, 100_100))

    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < MIB_MOST
