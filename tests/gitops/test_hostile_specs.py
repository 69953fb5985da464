"""Somebody pushes specs that are meant to hurt the host, or takes over the process that reads them. Whatever it is: the daemon lives,
and no larger than before; the host's other stacks are mended meanwhile; of the stack itself the last good commit runs on, nothing of
it restarted; and it is said which commit, which file and line, and what is wrong.

Every attack is on a stack of its own, all of them in one commit, so that the host has them all at once and no case needs another.
Some of each kind are in every run; `--long` has all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from orchestrator.controller.sources import Why
from orchestrator.controller.status import Phase
from orchestrator.gitops import loading
from tests.conftest import free_port
from tests.support.besieged import Besieged, Siege
from tests.support.engines import Engine
from tests.support.following import followed
from tests.support.hostile_specs import GOOD, SPEC, Attack, attacks
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(600)  # all attacks of a module at once are the setup of its first test

MOST_MORE = 256  # MiB that the daemon may take for a while
LONGEST = 8_000  # characters of one thing that is told
HOSTILE = "tests.support.hostile_child"
ATTACKS = {attack.name: attack for attack in attacks()}

UP = "/.." * 40

# What a reader does that was taken over, and what is said of it.
ENDED = {
    "segv": "SIGSEGV",
    "abort": "SIG",
    "silent": "gave no model",
    "exit": "exit code 7",
    "garbage": "gave no model",
    "half": "gave no model",
    "deep": "gave no model",
    "values": "gave no model",
    "values x-stack hosts": "gave no model",
    "flood": "larger than 64 MiB",
    "memory": "exit code 1",
    "forever": "processor time",
    "idle": "longer than",
    "closed": "longer than",
    "words": "",
    "usage": "",
    "unknown": "",
}
_ANSWERS = ("words", "usage", "unknown")  # errors of its own making, with whatever place it says
DEEDS = {
    name: Attack(
        name=name,
        files={SPEC: f"#{name}"},
        said=said,
        line=1 if name in _ANSWERS else 0,
        file="" if name in _ANSWERS else SPEC,
    )
    for name, said in ENDED.items()
}


def _lie(name: str, words: str, setting: str) -> Attack:
    spec = (
        f"#instead {words}\nservices:\n  web: {{image: 'busybox:stable', command: sleep 100000, {setting}}}\n"
        "secrets: {s: {file: ./here}}\n"
    )
    return Attack(name=name, files={SPEC: spec, "here": ""}, said="", line=-1, file="")


# What a reader says that was taken over: models that no loader makes.
LIES = {
    lie.name: lie
    for lie in (
        _lie("a billion replicas", "3777 1000000000", "scale: 3777"),
        _lie("words for replicas", '3777 "many"', "scale: 3777"),
        _lie("a file of the host", f'/here" {UP}/etc/shadow"', "secrets: [s]"),
        _lie("a folder of the host", f'/here" {UP}/etc"', "volumes: ['./here:/x']"),
        _lie("a service of another type", '"busybox:stable" ["l",["x"]]', "scale: 1"),
        Attack(name="another stack", files={SPEC: f"#named NEIGHBOUR\n{GOOD}"}, said="another stack", line=0),
    )
}


HANGING = 20  # stacks: more than there are passes at once
_OFTEN = {"segv", "garbage", "flood", "memory", "forever", "words"}


def _some(names: Iterable[str], often: Callable[[int, str], bool]) -> list[Any]:
    """The names that are in every run, and the others, which take their time."""
    return [
        name if often(number, name) else pytest.param(name, marks=pytest.mark.long) for number, name in enumerate(names)
    ]


def _asked(request: pytest.FixtureRequest, attacks: Mapping[str, Attack]) -> list[Attack]:
    """Those of them that this run has a test of."""
    names = {item.callspec.params.get("name") for item in request.session.items if hasattr(item, "callspec")}
    return [attack for name, attack in attacks.items() if name in names]


@pytest.fixture(scope="module")
def besieged(
    tmp_path_factory: pytest.TempPathFactory, engine: Engine, request: pytest.FixtureRequest
) -> Iterator[Besieged]:
    """Stacks enough for every attack, each with a container that runs."""
    folder = tmp_path_factory.mktemp("besieged")
    counts = {
        "specs": len(_asked(request, ATTACKS)),
        "readers": max(HANGING, len(_asked(request, {**DEEDS, **LIES}))),
    }
    with ExitStack() as after, followed(folder, free_port(), engine, "timeout: 60s") as one:
        made = Besieged(one, folder, counts)
        after.callback(made.clean)  # once no daemon brings it back
        made.begin()
        yield made


@pytest.fixture(scope="module")
def attacked(besieged: Besieged, request: pytest.FixtureRequest) -> Siege:
    return besieged.attacked_by("specs", _asked(request, ATTACKS))


@pytest.fixture(scope="module")
def taken_over(besieged: Besieged, request: pytest.FixtureRequest) -> Iterator[Siege]:
    """The process that reads is somebody else's."""
    with pytest.MonkeyPatch.context() as patch:
        _hostile(patch)
        patch.setattr(loading, "LIMITS", {**loading.LIMITS, "RLIMIT_CPU": 2, "RLIMIT_AS": 256 << 20})
        patch.setattr(loading, "SECONDS", 20)
        yield besieged.attacked_by("readers", _asked(request, {**DEEDS, **LIES}))


def _hostile(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(loading, "CHILD", HOSTILE)
    patch.syspath_prepend(str(Path(__file__).parents[2]))


def holds(siege: Siege, attack: Attack) -> None:
    """The stack is as it was, and what is wrong with the commit is said as the attack has it."""
    newer = siege.newer(attack.name)
    assert newer is not None, siege.status(attack.name).message
    assert (siege.commit, Why.INVALID) == (newer.version, newer.why), newer.message
    assert attack.said in newer.message
    assert newer.message
    assert newer.where is not None
    if attack.line >= 0:
        assert attack.line == newer.where.line
    assert newer.where.file.endswith(attack.file)
    assert len(newer.message) + len(str(newer.where)) < LONGEST
    assert siege.before[attack.name] == siege.after[attack.name]
    assert siege.status(attack.name).phase is Phase.INVALID


@pytest.mark.parametrize("name", _some(ATTACKS, lambda number, _: number % 5 == 0))
def test_a_hostile_spec_changes_nothing_and_is_told_of(attacked: Siege, name: str) -> None:
    holds(attacked, ATTACKS[name])


@pytest.mark.parametrize("name", _some(DEEDS, lambda _, name: name in _OFTEN))
def test_a_reader_that_was_taken_over_harms_nobody(taken_over: Siege, name: str) -> None:
    holds(taken_over, DEEDS[name])


@pytest.mark.parametrize("name", LIES)
def test_a_reader_that_lies_is_not_believed(taken_over: Siege, name: str) -> None:
    holds(taken_over, LIES[name])


@pytest.mark.parametrize("which", ["attacked", "taken_over"])
def test_the_host_lives_on_meanwhile(which: str, request: pytest.FixtureRequest) -> None:
    """A stack beside them is mended again and again, and the daemon neither dies nor grows, nor says what cannot be read."""
    siege: Siege = request.getfixturevalue(which)

    assert siege.mended > 1
    assert siege.alive
    assert siege.peak < MOST_MORE
    for told in siege.told:
        assert len(told.text) <= LONGEST, told.kind
        assert told.text.replace("\n", "").isprintable(), told.kind


@pytest.mark.parametrize(("text", "stacks"), [("#idle", HANGING), ("#idle x-stack hosts", 1)])
def test_readers_that_hang_hold_nobody_up_but_their_own(
    besieged: Besieged, taken_over: Siege, monkeypatch: pytest.MonkeyPatch, text: str, stacks: int
) -> None:
    """Of more stacks than there are passes: the neighbour is mended and another repository's commit taken while they are read.
    Likewise where a spec is read only to find out whether it is for this host.
    """
    del taken_over  # which comes first
    besieged.well("readers")
    _hostile(monkeypatch)
    monkeypatch.setattr(loading, "SECONDS", 40)
    besieged.push("readers", [Attack(name=str(number), files={SPEC: text}, said="") for number in range(stacks)])
    eventually(besieged.is_reading, what="they are read")
    besieged.mend()
    commit = besieged.change_peaceful()
    eventually(lambda: besieged.version(besieged.peaceful) == commit, within=20, what="the other commit is taken")

    assert "readers" in {shown.source.name for shown in besieged.one.host.daemon.repositories.shown()}
    assert [] == besieged.refused("readers"), "they are still being read"
