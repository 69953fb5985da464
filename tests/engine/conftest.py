"""Fixtures of the tests that drive the Docker adapter by actions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.adapter import World
from tests.support.engines import Engine
from tests.support.projects import unique_name


@pytest.fixture
def world(each_engine: Engine, request: pytest.FixtureRequest) -> Iterator[World]:
    """A stack of its own on each engine; everything of it is removed afterwards."""
    made = World(each_engine, unique_name(request.node.originalname.removeprefix("test_")))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def ssh_to_here(tmp_path: Path, each_engine: Engine) -> dict[str, str]:
    """An environment whose ``ssh`` runs the remote command on this machine; Docker's own relay does the rest."""
    program = tmp_path / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(
        '#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\n'
        'if [ "$1" = closed ]; then echo "Permission denied (publickey)." >&2; exit 255; fi\nshift\nexec "$@"\n'
    )
    program.chmod(0o755)
    environment = each_engine.client_environment(tmp_path / "home")
    return {**environment, "PATH": f"{program.parent}:{environment['PATH']}:{os.environ['PATH']}"}
