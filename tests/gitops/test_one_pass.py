"""A host that makes one pass at a time (`passes: 1`), and a repository whose specs hang whoever reads them: everything goes on being
mended, the stack under attack by its last good commit.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from orchestrator.gitops import loading
from tests.conftest import free_port
from tests.support.besieged import Besieged
from tests.support.engines import Engine
from tests.support.following import followed
from tests.support.hostile_specs import SPEC, Attack
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(300)

STACKS = 3
HANGS = [Attack(name=str(number), files={SPEC: "#idle"}, said="") for number in range(STACKS)]


@pytest.fixture
def besieged(tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Besieged]:
    with ExitStack() as after, followed(tmp_path, free_port(), engine, "timeout: 60s", settings="passes: 1\n") as one:
        made = Besieged(one, tmp_path, {"readers": STACKS})
        after.callback(made.clean)
        made.begin()
        monkeypatch.setattr(loading, "CHILD", "tests.support.hostile_child")
        monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))
        monkeypatch.setattr(loading, "SECONDS", 60)
        yield made
        after.callback(monkeypatch.setattr, loading, "SECONDS", 1)


def test_one_pass_at_a_time_is_enough_to_mend_all_while_specs_hang(besieged: Besieged) -> None:
    besieged.push("readers", HANGS)
    eventually(besieged.is_reading, what="the specs are read")
    for _ in range(3):
        besieged.mend()
        for name in besieged.names("readers"):
            besieged.mend(name)
    commit = besieged.change_peaceful()
    eventually(lambda: besieged.version(besieged.peaceful) == commit, within=20, what="the other commit is taken")

    assert besieged.is_reading()
    assert [] == besieged.refused("readers"), "they are still being read"


def test_what_begins_to_be_kept_under_attack_is_mended_first(besieged: Besieged) -> None:
    """As after a restart, nothing of what was read is known any more: what is kept is read before what hangs whoever reads it."""
    besieged.suspend("readers")
    besieged.fetch("readers", besieged.push("readers", HANGS))
    besieged.resume("readers")

    for name in besieged.names("readers"):
        besieged.mend(name)
    assert [] == besieged.refused("readers"), "they are still being read"
