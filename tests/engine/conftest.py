"""Fixtures of the tests that drive the Docker adapter by actions."""

from __future__ import annotations

from collections.abc import Iterator

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
