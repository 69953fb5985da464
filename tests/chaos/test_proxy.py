"""The proxy against the real engine with the plain ``docker`` client: what it hides, breaks and lets through."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.conftest import ProjectMaker
from tests.support.commands import Result, environment_for, run_stack, start_stack
from tests.support.engines import PROJECT_LABEL, Engine
from tests.support.faults import answer, kill_after, kill_before, mute_events, reset, stall
from tests.support.projects import Project
from tests.support.proxy import Proxy
from tests.support.waiting import eventually


@pytest.fixture
def world(make_project: ProjectMaker, each_engine: Engine) -> Project:
    return make_project(on=each_engine)


def docker(project: Project, proxy: Proxy, *words: str, stdin: str = "", limit: float = 60.0) -> Result:
    """The plain client through the proxy, as a victim for kills."""
    environment = environment_for(project.engine, project.home, {"DOCKER_HOST": proxy.address})
    with start_stack((), cwd=project.folder, env=environment, command=("docker", *words), stdin=stdin) as running:
        proxy.aim_at(running.process.pid)
        return running.finish(limit)


def make(project: Project, name: str) -> tuple[str, ...]:
    label = f"{PROJECT_LABEL}={project.name}"
    return ("create", "--label", label, "--name", f"{project.name}-{name}-1", "busybox:stable", "sleep", "100")


def test_requests_pass_through_and_those_that_change_something_are_counted(world: Project) -> None:
    with Proxy(world.engine.address) as proxy:
        docker(world, proxy, *make(world, "a")).ok()
        docker(world, proxy, "start", f"{world.name}-a-1").ok()
        docker(world, proxy, "ps", "--all").ok()

    assert ["POST /containers/create", "start"] == [str(proxy.mutations[0]), proxy.mutations[1].path.split("/")[-1]]
    assert [1, 2] == [request.mutation for request in proxy.mutations]
    assert "busybox:stable" == proxy.mutations[0].json["Image"]
    assert ["a-1"] == world.running()


def test_a_client_killed_before_a_request_has_changed_nothing(world: Project) -> None:
    with Proxy(world.engine.address, fault=kill_before(1)) as proxy:
        result = docker(world, proxy, *make(world, "a"))

    assert -signal.SIGKILL == result.code
    assert proxy.fired.is_set()
    assert world.census.empty


def test_a_client_killed_after_a_request_has_changed_something_without_knowing(world: Project) -> None:
    with Proxy(world.engine.address, fault=kill_after(1)) as proxy:
        result = docker(world, proxy, *make(world, "a"))

    assert -signal.SIGKILL == result.code
    assert "" == result.stdout
    assert {f"{world.name}-a-1"} == world.census.containers


def test_an_answer_can_be_an_error_a_limited_number_of_times(world: Project) -> None:
    fault = answer(500, match="POST /containers/create", message="no space left on device")
    with Proxy(world.engine.address, fault=fault) as proxy:
        first = docker(world, proxy, *make(world, "a"))
        second = docker(world, proxy, *make(world, "a"))

    assert "no space left on device" in first.stderr
    assert 0 != first.code
    assert 0 == second.code


def test_a_connection_can_end_without_an_answer_although_the_engine_did_its_work(world: Project) -> None:
    with Proxy(world.engine.address, fault=reset(at=1, when="after")) as proxy:
        result = docker(world, proxy, *make(world, "a"))

    assert 0 != result.code
    assert {f"{world.name}-a-1"} == world.census.containers


def test_a_stalled_answer_stalls_only_its_own_client(world: Project) -> None:
    with Proxy(world.engine.address, fault=stall(match="POST /containers/create")) as proxy:
        environment = environment_for(world.engine, world.home, {"DOCKER_HOST": proxy.address})
        words = ("docker", *make(world, "a"))
        with start_stack((), cwd=world.folder, env=environment, command=words) as stalled:
            assert proxy.fired.wait(30)
            docker(world, proxy, "ps").ok()
            assert stalled.process.poll() is None


def test_attached_streams_pass_in_both_directions(world: Project) -> None:
    with Proxy(world.engine.address) as proxy:
        words = ("run", "--rm", "--interactive", "--label", f"{PROJECT_LABEL}={world.name}", "busybox:stable", "cat")
        result = docker(world, proxy, *words, stdin="over and back\n")

    assert "over and back\n" == result.ok().stdout


def test_exec_passes_with_its_exit_code(world: Project) -> None:
    with Proxy(world.engine.address) as proxy:
        docker(world, proxy, *make(world, "a")).ok()
        docker(world, proxy, "start", f"{world.name}-a-1").ok()
        result = docker(world, proxy, "exec", f"{world.name}-a-1", "sh", "-c", "echo inside; exit 7")

    assert (7, "inside\n") == (result.code, result.stdout)


def test_a_followed_stream_ends_for_the_engine_when_its_client_leaves(world: Project) -> None:
    with Proxy(world.engine.address) as proxy:
        environment = environment_for(world.engine, world.home, {"DOCKER_HOST": proxy.address})
        words = ("docker", "events", "--filter", f"label={PROJECT_LABEL}={world.name}")
        with start_stack((), cwd=world.folder, env=environment, command=words) as following:
            eventually(lambda: any(request.path == "/events" for request in proxy.requests))
            docker(world, proxy, *make(world, "a")).ok()
            following.says("container create")
            following.signal(signal.SIGINT)
            following.finish(10)
        eventually(lambda: not proxy.connections, what="the proxy holds no connection")


def test_muted_events_open_and_say_nothing(world: Project) -> None:
    with Proxy(world.engine.address, fault=mute_events()) as proxy:
        environment = environment_for(world.engine, world.home, {"DOCKER_HOST": proxy.address})
        with start_stack((), cwd=world.folder, env=environment, command=("docker", "events")) as following:
            assert proxy.fired.wait(30)
            docker(world, proxy, *make(world, "a")).ok()
            docker(world, proxy, "rm", f"{world.name}-a-1").ok()
            assert "" == following.stdout


def test_a_build_passes_with_either_builder(world: Project) -> None:
    (world.folder / "Dockerfile").write_text("FROM busybox:stable\nRUN echo made > /made\n", encoding="utf-8")
    for builder in ("0", "1"):
        with Proxy(world.engine.address) as proxy:
            environment = environment_for(
                world.engine, world.home, {"DOCKER_HOST": proxy.address, "DOCKER_BUILDKIT": builder}
            )
            words = ("docker", "build", "--tag", f"{world.name}-image{builder}", "--no-cache", ".")
            run_stack((), cwd=world.folder, env=environment, command=words).ok()
        assert world.engine.image(f"{world.name}-image{builder}")


def test_a_removal_of_something_that_is_not_ours_is_noticed(world: Project, tmp_path: Path) -> None:
    foreign = world.engine.run(f"{world.name}-foreign", start=False)
    with Proxy(world.engine.address) as proxy:
        docker(world, proxy, *make(world, "a")).ok()
        docker(world, proxy, "rm", f"{world.name}-a-1").ok()
        assert [] == proxy.foreign_removals(PROJECT_LABEL, world.name)

        docker(world, proxy, "rm", foreign).ok()
        assert [f"DELETE /containers/{foreign}"] == proxy.foreign_removals(PROJECT_LABEL, world.name)
