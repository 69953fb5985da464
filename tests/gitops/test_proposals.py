"""The plan of a branch, asked of a daemon on a real engine that follows a real https server: told in full, and nothing is touched."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.machine.commands import ROOT
from tests.conftest import free_port
from tests.support.engines import Engine
from tests.support.following import SPEC, Followed, followed
from tests.support.waiting import eventually

CANARY = "k4n4ry-7f3a99c2e1"
REFUSED = "services:\n  web:\n    image: busybox:stable\n    privileged: true\n"
SPILLING = (
    "services: {{web: {{image: 'busybox:${{GIVEN}}', labels: {{a: '${{GIVEN}}'}}, command: ['echo', '${{GIVEN}}']}}}}\n"
)


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Iterator[Followed]:
    folder = tmp_path_factory.mktemp("proposals")
    with followed(folder, free_port(), engine, f"timeout: 20s, prune: true, variables: {{GIVEN: {CANARY}}}") as made:
        try:
            made.repo.write(f"stacks/{made.name}-gone/app.yml", SPEC.format(megabytes=15))
            made.repo.commit()
            made.poll()
            eventually(lambda: made.host.daemon.board.of(f"{made.name}-gone"), what="the second stack is discovered")
            made.host.settles(f"{made.name}-gone")
            yield made
        finally:
            engine.remove_project(f"{made.name}-gone")


def on_branch(one: Followed) -> str:
    """A branch that changes a stack, removes one, and has a new one, one that cannot be read and one that may not be."""
    one.repo.git("checkout", "--quiet", "-B", "change", "main")
    one.repo.write(one.spec, SPEC.format(megabytes=99))
    one.repo.git("rm", "-r", "--quiet", f"stacks/{one.name}-gone")
    one.repo.write(f"stacks/{one.name}-new/app.yml", SPEC.format(megabytes=15))
    one.repo.write(f"stacks/{one.name}-bad/app.yml", "services:\n  web: {imag: x}\n")
    one.repo.write(f"stacks/{one.name}-evil/app.yml", REFUSED)
    one.repo.write(f"stacks/{one.name}-spill/app.yml", SPILLING.format())
    commit = one.repo.commit()
    one.repo.git("checkout", "--quiet", "main")
    return commit


def asked(one: Followed, *words: str) -> subprocess.CompletedProcess[str]:
    """`stack plan` of the branch, by another process over the daemon's socket."""
    command = [
        sys.executable,
        "-m",
        "orchestrator",
        "plan",
        "--source",
        "infra",
        "--socket",
        str(one.host.socket),
        *words,
    ]
    environment = {**os.environ, "DOCKER_HOST": "unix:///nowhere.sock", "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def remembered(one: Followed) -> dict[str, bytes]:
    """All that the daemon has written down, and what it has laid out; but for git's objects and how deep they go."""
    state = Path(one.host.daemon.parts.state) / "git"
    files = [path for path in state.rglob("*") if path.is_file() and "/objects/" not in str(path)]
    return {str(path): path.read_bytes() for path in files if path.name != "shallow"}


def test_a_branch_is_told_in_each_form_and_nothing_is_touched(one: Followed) -> None:
    before, ids, changes = remembered(one), one.ids(), one.mutations()
    shown = one.host.client.sources()
    commit = on_branch(one)

    text = asked(one, "--ref", "change")
    told = asked(one, "--ref", commit, "--json", "--detailed-exitcode")
    comment = asked(one, "--ref", "change", "--format", "markdown")

    states = {stack["name"]: stack["state"] for stack in json.loads(told.stdout)["stacks"]}
    ends = {"": "changed", "-gone": "removed", "-new": "new", "-bad": "invalid", "-evil": "refused", "-spill": "new"}
    assert {one.name + end: state for end, state in ends.items()} == states
    assert [1, 1, 1] == [text.returncode, told.returncode, comment.returncode]
    for said in (text.stdout, told.stdout, comment.stdout):
        assert CANARY not in said
        assert f"stacks/{one.name}-bad/app.yml" in said
        assert "policy-privileged" in said
        assert "***" in said
    assert "mem" in text.stdout
    assert commit[:12] in comment.stdout
    assert comment.stdout == asked(one, "--ref", "change", "--format", "markdown").stdout

    assert changes == one.mutations()
    assert ids == one.ids()
    assert before == remembered(one)
    assert shown == one.host.client.sources()


def test_what_is_followed_changes_nothing_and_says_so(one: Followed) -> None:
    done = asked(one, "--detailed-exitcode")

    assert (0, "") == (done.returncode, done.stderr)
    assert "2 unchanged" in done.stdout


def test_a_branch_that_only_changes_something_is_no_failure(one: Followed) -> None:
    one.repo.git("checkout", "--quiet", "-B", "smaller", "main")
    one.repo.write(one.spec, SPEC.format(megabytes=77))
    one.repo.commit()
    one.repo.git("checkout", "--quiet", "main")

    assert 2 == asked(one, "--ref", "smaller", "--detailed-exitcode").returncode
    assert 0 == asked(one, "--ref", "smaller").returncode
