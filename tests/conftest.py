"""Fixtures that several folders share: real engines, a registry, projects. A test that cannot have them is an error.

``scripts/test`` starts the engines once for all workers and says where they are: STACK_TEST_ENGINE (the machine's or a
private one), STACK_TEST_NEWER_ENGINE with STACK_TEST_NEWER_HOST, and STACK_TEST_NEWER_PROGRAMS. Without these, as when
pytest is called directly, the fixtures start private ones themselves and end them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from scripts.machine import control, haproxy, images, newer, packages
from scripts.machine import engine as private_engines
from scripts.machine import registry as registries
from tests.support.engines import Engine
from tests.support.projects import Project, unique_name

pytest_plugins = ["tests.support.stuck"]

ProjectMaker = Callable[..., Project]
EngineMaker = Callable[..., Engine]


@pytest.fixture(scope="session")
def newer_programs() -> Path:
    """The folder of an unpacked newer engine, compose and buildx."""
    given = os.environ.get("STACK_TEST_NEWER_PROGRAMS")
    return Path(given) if given else newer.unpack(control.NEWER)


@pytest.fixture(scope="session")
def engine(newer_programs: Path) -> Iterator[Engine]:
    """The main engine. Its published ports are on 127.0.0.1."""
    address = os.environ.get("STACK_TEST_ENGINE")
    if address:
        yield _with_busybox(Engine(address, programs=newer_programs))
        return
    packages.have(packages.ENGINE)
    private = private_engines.Private.called(f"t{os.getpid()}")
    try:
        running = control.start(private)
        yield _with_busybox(Engine(running.address, running.host, newer_programs, private.state))
    finally:
        control.stop(private, remove=True)


@pytest.fixture(scope="session")
def engine_socket(engine: Engine) -> str:
    return engine.address


@pytest.fixture(scope="session")
def newer_engine(newer_programs: Path) -> Iterator[Engine]:
    """A newer engine (API 1.44 or later) in its own network namespace: published ports are at ``newer_engine.host``."""
    address = os.environ.get("STACK_TEST_NEWER_ENGINE")
    if address:
        host = os.environ.get("STACK_TEST_NEWER_HOST", "127.0.0.1")
        yield _with_busybox(Engine(address, host, newer_programs))
        return
    packages.have(packages.ENGINE)
    private = private_engines.Private.called(f"n{os.getpid()}", programs=newer_programs, isolated=True)
    try:
        running = control.start(private)
        yield _with_busybox(Engine(running.address, running.host, newer_programs, private.state))
    finally:
        control.stop(private, remove=True)


@pytest.fixture(params=["engine", "newer_engine"])
def each_engine(request: pytest.FixtureRequest) -> Engine:
    """The test runs twice: on the main engine and on a newer one."""
    chosen = request.getfixturevalue(request.param)
    assert isinstance(chosen, Engine)
    return chosen


@pytest.fixture
def private_engine(newer_programs: Path) -> Iterator[EngineMaker]:
    """Makes engines to break: each in its own namespace, ended with all that is in it after the test."""
    started: list[private_engines.Private] = []
    numbers = count(1)

    def make(*arguments: str, newest: bool = False) -> Engine:
        name = f"p{os.getpid()}-{next(numbers)}"
        programs = newer_programs if newest else None
        private = private_engines.Private.called(name, programs=programs, isolated=True)
        started.append(private)
        running = control.start(private, *arguments)
        return _with_busybox(Engine(running.address, running.host, newer_programs, private.state))

    packages.have(packages.ENGINE)
    try:
        yield make
    finally:
        for private in started:
            control.stop(private, remove=True)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[registries.Registry]:
    """A real registry on a free port of 127.0.0.1, which the main engine may pull from and push to."""
    packages.have(packages.REGISTRY)
    running = registries.start(tmp_path_factory.mktemp("registry"), free_port())
    try:
        yield running
    finally:
        registries.stop(running)


@pytest.fixture
def make_project(request: pytest.FixtureRequest, tmp_path: Path, engine: Engine) -> Iterator[ProjectMaker]:
    """Makes projects; after the test nothing of them is left, and none of them may have removed what is not its own."""
    made: list[Project] = []

    def make(name: str = "", on: Engine | None = None) -> Project:
        unique = name or unique_name(request.node.originalname.removeprefix("test_"))
        project = Project(on or engine, tmp_path / unique, unique, tmp_path / "home")
        made.append(project)
        return project

    try:
        yield make
    finally:
        for project in made:
            project.clean()
    assert [] == [removal for project in made for removal in project.foreign_removals]


@pytest.fixture
def front_project(make_project: ProjectMaker, newer_engine: Engine) -> Project:
    """A project on the newer engine, which has an image for front ends; published ports are at ``project.engine.host``."""
    haproxy.import_haproxy(newer_engine.api)
    return make_project(on=newer_engine)


@pytest.fixture
def project(make_project: ProjectMaker) -> Project:
    """One project on the main engine."""
    return make_project()


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _with_busybox(given: Engine) -> Engine:
    packages.have({"busybox": "busybox-static"})
    images.import_busybox(given.api)
    return given
