"""`examples/gitops/README.md`, walked through by somebody who is not root."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from scripts.machine.commands import ROOT
from tests.support import pages
from tests.support.engines import Engine
from tests.support.projects import Project

PAGE = ROOT / "examples/gitops/README.md"
STACKS = ("greeting", "guestbook")
NOBODY = 65534


@pytest.fixture
def folder() -> Iterator[Path]:
    """The reader's own, with a short path, because a socket will lie in it; the commands find `stack` in its bin/."""
    with TemporaryDirectory(prefix="walk-") as name:
        made = Path(name)
        (made / "bin").mkdir()
        program = made / "bin/stack"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m orchestrator "$@"\n')
        program.chmod(0o755)
        if os.geteuid() == 0:
            os.chown(made, NOBODY, NOBODY)
        yield made


@pytest.fixture
def reader(folder: Path, tmp_path: Path, newer_engine: Engine) -> Iterator[pages.Shell]:
    project = Project(newer_engine, tmp_path / "unused", "gitops-example", tmp_path / "home")
    environment = project.environment({"HOME": str(folder), "TMPDIR": str(folder)})
    del environment["STACK_STATE_DIR"]
    environment["PATH"] = f"{folder}/bin:{environment['PATH']}"
    shell = pages.Shell(ROOT, environment, as_a_member_of_the_engines_group(newer_engine))
    try:
        yield shell
    finally:
        shell.run("stack daemon stop")
        shell.close()
        for stack in STACKS:
            newer_engine.remove_project(stack)


def as_a_member_of_the_engines_group(engine: Engine) -> list[str]:
    """Words before a command that take root away. What lies below root's home (the checkout, Python) stays readable."""
    if os.geteuid() != 0:
        return []
    group = os.stat(engine.socket).st_gid
    reading = [f"--{kind}-caps=+dac_read_search" for kind in ("inh", "ambient")]
    needed = {Path(sys.executable).resolve(), Path(sys.prefix).resolve(), ROOT}
    closed = any(not above.stat().st_mode & 0o001 for place in needed for above in place.parents)
    return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", f"--groups={group}", *(reading if closed else [])]


def test_the_page_is_true(reader: pages.Shell) -> None:
    steps = pages.steps(PAGE)
    assert len(steps) > 30
    reader.walk(steps)
    assert (0, "") == reader.run("docker ps --all --quiet --filter name=greeting- --filter name=guestbook-")
