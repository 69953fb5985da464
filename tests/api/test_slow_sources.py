"""One source that is slow, and the stacks of another one that are to go meanwhile: nobody waits for what is not theirs."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from orchestrator.cancel import CancelToken
from orchestrator.controller.lock import stack_lock
from tests.api.test_removals import APP, NAMES, all_run, remove, repo, running
from tests.conftest import free_port
from tests.support import daemons
from tests.support.daemons import Running
from tests.support.gitrepos import Repo
from tests.support.gitserver import TOKEN, Authority, HttpsGit
from tests.support.waiting import eventually

__all__ = ["repo"]


@pytest.fixture
def far(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "served" / "far")
    for name in ("depot", "forum", "paper"):
        made.write(f"stacks/{name}/app.yml", APP)
    made.commit()
    return made


def write_host(folder: Path, url: str, more: str = "") -> None:
    (folder / "token").write_text(TOKEN)
    (folder / "host.yml").write_text(
        f"credentials: {{127.0.0.1: {{token_file: token, ca_file: {folder}/ca/ca.pem}}}}\n"
        "sources:\n"
        "  infra: {url: ./repo, interval: 1h, prune: true, approve: true}\n"
        f"  far: {{url: {url}, interval: 1h, prune: true{more}}}\n"
    )


def begun(found: Running) -> None:
    """The stacks of both sources run; those that wait for a word have it."""
    for name in NAMES:
        eventually(lambda name=name: found.daemon.board.of(name), what=f"{name} is known")
        eventually(lambda name=name: (found.client.stack(name)["newer"] or {}).get("approvable"), what=f"{name} waits")
        found.client.approve(name)
    all_run(found, *NAMES, "depot", "forum", "paper")


def goes_when_approved(found: Running, repo: Repo, name: str) -> None:
    remove(repo, name)
    found.daemon.repositories.poke("infra")
    eventually(lambda: (found.client.stack(name)["newer"] or {}).get("approvable"), what=f"{name} waits for a word")
    found.client.approve(name)
    eventually(lambda: name not in running(found), within=10, what=f"{name} is taken down")


def test_an_approved_removal_waits_for_no_other_sources_server(repo: Repo, far: Repo, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    with HttpsGit(tmp_path / "served", authority.server()) as server:
        write_host(tmp_path, server.url("far"), ", timeout: 10m")
        with daemons.running(tmp_path, free_port()) as found:
            begun(found)
            with server.failing("hang"):
                asked = len(server.asked)
                found.daemon.repositories.poke("far")
                eventually(lambda: len(server.asked) > asked, what="the server hangs")
                goes_when_approved(found, repo, "wiki")
                assert {"far", "infra"} == {one["name"] for one in found.client.sources()}


def test_a_removal_that_takes_long_holds_up_no_other_sources(repo: Repo, far: Repo, tmp_path: Path) -> None:
    """Another program works on the stack that goes, so that its removal waits."""
    write_host(tmp_path, "./served/far")
    with daemons.running(tmp_path, free_port()) as found:
        begun(found)
        with stack_lock(found.engine.engine.identity, "depot", wait=True, cancel=CancelToken()):
            shutil.rmtree(far.folder / "stacks" / "depot")
            far.commit()
            found.daemon.repositories.poke("far")
            eventually(lambda: "depot" not in found.daemon.loop.keepers, what="depot is let go")
            goes_when_approved(found, repo, "wiki")
            shown = {one["name"]: one["stacks"] for one in found.client.sources()}
            assert "depot" in shown["far"]
            assert "depot" in running(found)
        eventually(lambda: "depot" not in running(found), what="depot is taken down")


def test_a_stack_that_comes_back_while_it_is_taken_down_is_kept_again(repo: Repo, far: Repo, tmp_path: Path) -> None:
    write_host(tmp_path, "./served/far")
    with daemons.running(tmp_path, free_port()) as found:
        begun(found)
        before = {c.id for c in found.engine.engine.world.containers if c.name.startswith("depot-")}
        with stack_lock(found.engine.engine.identity, "depot", wait=True, cancel=CancelToken()):
            shutil.rmtree(far.folder / "stacks" / "depot")
            far.commit()
            found.daemon.repositories.poke("far")
            eventually(lambda: "depot" not in found.daemon.loop.keepers, what="depot is let go")
            far.write("stacks/depot/app.yml", APP)
            commit = far.commit()
            asking = threading.Thread(target=found.client.order_source, args=("far", "sync"))
            asking.start()
            eventually(lambda: [o for o in found.client.sources() if o["commit"] == commit], what="it is back")
        asking.join(60)
        eventually(lambda: before.isdisjoint(c.id for c in found.engine.engine.world.containers), what="it was removed")
        all_run(found, "depot")
