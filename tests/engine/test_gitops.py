"""`stacks/` of this repository, deployed by a daemon out of a git repository, as a reader of its README would."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from scripts.machine.commands import ROOT
from tests.support.commands import Running, run_stack, start_stack
from tests.support.engines import Engine
from tests.support.gitrepos import Repo
from tests.support.projects import Project
from tests.support.proxy import Proxy
from tests.support.waiting import eventually

STACKS = sorted(path.parent.name for path in (ROOT / "stacks").glob("*/app.yml"))


@pytest.fixture
def clone(tmp_path: Path) -> Repo:
    """A clone that has `stacks/` as it is in this checkout, pushed to the bare repository beside it."""
    made = Repo(tmp_path / "clone")
    shutil.copytree(ROOT / "stacks", made.folder / "stacks")
    made.git("init", "--quiet", "--bare", "--initial-branch=main", str(tmp_path / "infra.git"))
    made.git("remote", "add", "origin", str(tmp_path / "infra.git"))
    push(made)
    return made


@pytest.fixture
def host(tmp_path: Path, newer_engine: Engine) -> Iterator[Project]:
    """A host that follows the repository: on the newer engine, because another test has these stacks on the main one."""
    made = Project(newer_engine, tmp_path / "host", "gitops", tmp_path / "home")
    made.write("sources: {infra: {url: ../infra.git, path: stacks, interval: 1s}}\n", "host.yml")
    try:
        yield made
    finally:
        for stack in STACKS:
            newer_engine.remove_project(stack)


def push(repo: Repo) -> str:
    commit = repo.commit()
    repo.git("push", "--quiet", "origin", "main")
    return commit


@contextmanager
def daemon(host: Project, engine: str) -> Iterator[tuple[Running, str]]:
    """A daemon that keeps the host, and its socket (whose path must be short)."""
    with TemporaryDirectory(prefix="gitops-") as short:
        words = ["daemon", "run", "--config", "host.yml", "--socket", f"{short}/s"]
        environment = host.environment({"DOCKER_HOST": engine})
        with start_stack(words, cwd=host.folder, env=environment) as running:
            yield running, f"{short}/s"


def converged(host: Project, socket: str) -> bool:
    """Whether the daemon says so of every stack."""
    words = ["daemon", "status", "--format", "json", "--socket", socket]
    told = run_stack(words, cwd=host.folder, env=host.environment())
    found = json.loads(told.stdout)["stacks"] if told.code == 0 else []
    return {one["name"]: one["phase"] for one in found} == dict.fromkeys(STACKS, "converged")


def ids(host: Project) -> dict[str, str]:
    """Every container of the stacks, by name."""
    found = [one for stack in STACKS for one in host.engine.containers(stack)]
    return {one["Name"].lstrip("/"): one["Id"] for one in found if one["State"]["Running"]}


def test_the_stacks_of_this_repository_are_deployed_from_git_and_taken_over_after_a_kill(
    clone: Repo, host: Project
) -> None:
    with daemon(host, host.engine.address) as (first, socket):
        eventually(lambda: converged(host, socket), within=90, what="every stack converges")
        before = ids(host)
        assert ["hello-web-1", "hello-web-2", "notes-store-1"] == sorted(before)

        spec = clone.folder / "stacks/notes/app.yml"
        spec.write_text(spec.read_text().replace("sleep 60", "sleep 30"))
        commit = push(clone)
        eventually(lambda: "sleep 30" in str(host.engine.inspect("notes-store-1").get("Config")), within=60)
        eventually(lambda: converged(host, socket), within=60, what="every stack converges again")
        assert commit[:12] in first.stderr
        after = ids(host)
        assert ["notes-store-1"] == [name for name in after if after[name] != before[name]]

        first.signal(signal.SIGKILL)
        first.process.wait()
        assert after == ids(host)
    with Proxy(host.engine.address) as proxy, daemon(host, proxy.address) as (second, socket):
        eventually(lambda: converged(host, socket), within=60, what="the next daemon sees every stack converged")
        second.signal(signal.SIGTERM)
        assert 0 == second.finish(30).code
        assert [] == [str(request) for request in proxy.requests if request.mutating]
    assert after == ids(host)
