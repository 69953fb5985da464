"""A changed file is sorted by the rules of `develop.watch`: who syncs, rebuilds, restarts, or does nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.model.container import Container
from orchestrator.model.stack import Build, Hook, Service, Stack, WatchRule
from orchestrator.model.values import Mount, MountType
from orchestrator.watch import rules
from orchestrator.watch.rules import Rules


def of(*declared: WatchRule, build: Build | None = None, mounts: tuple[Mount, ...] = ()) -> Rules:
    service = Service(name="web", container=Container(image="x", mounts=mounts), watch=declared, build=build)
    return rules.of_stack(Stack(name="shop", services={"web": service}), ["web"])


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    return tmp_path


def sync(here: Path, **more: object) -> WatchRule:
    return WatchRule(path=str(here / "src"), action="sync", target="/app", **more)  # type: ignore[arg-type]


def test_a_file_has_its_place_in_the_container(here: Path) -> None:
    work = of(sync(here)).work(frozenset({str(here / "src/a/b.py"), str(here / "other")}))
    assert {"web": {"/app/a/b.py": str(here / "src/a/b.py")}} == work.sync
    assert (set(), set(), {}) == (work.rebuild, work.restart, work.exec)


def test_a_watched_file_goes_to_the_target_itself(here: Path) -> None:
    (here / "one.conf").touch()
    rule = WatchRule(path=str(here / "one.conf"), action="sync+restart", target="/etc/one.conf")
    work = of(rule).work(frozenset({str(here / "one.conf")}))
    assert {"web": {"/etc/one.conf": str(here / "one.conf")}} == work.sync
    assert {"web"} == work.restart


def test_a_directory_that_is_moved_away_does_not_take_the_target_along(here: Path) -> None:
    found = of(sync(here))
    (here / "src").rmdir()
    assert {} == found.work(frozenset({str(here / "src")})).sync.get("web", {})


def test_what_is_ignored_or_not_included_is_nobodys_business(here: Path) -> None:
    found = of(sync(here, ignore=("vendor/",), include=("**/*.py",)))
    changed = {"vendor/a.py", "a.txt", ".a.py.swp", ".git/x.py"}
    assert not found.work(frozenset(str(here / "src" / name) for name in changed))
    assert found.work(frozenset({str(here / "src/deep/a.py")}))


def test_dockerignore_counts_from_the_build_context(here: Path) -> None:
    (here / ".dockerignore").write_text("# not these\nsrc/generated\n")
    found = of(sync(here), build=Build(context=str(here)))
    assert not found.work(frozenset({str(here / "src/generated/a")}))
    assert found.work(frozenset({str(here / "src/a")}))


def test_the_ignore_file_of_a_dockerfile_wins(here: Path) -> None:
    (here / ".dockerignore").write_text("src/a\n")
    (here / "Dockerfile.dockerignore").write_text("src/b\n")
    found = of(sync(here), build=Build(context=str(here)))
    assert found.work(frozenset({str(here / "src/a")}))
    assert not found.work(frozenset({str(here / "src/b")}))


def test_a_service_that_is_rebuilt_needs_nothing_else(here: Path) -> None:
    again = WatchRule(path=str(here / "src"), action="rebuild")
    both = WatchRule(path=str(here / "src"), action="sync+restart", target="/app")
    work = of(again, both, build=Build(context=str(here))).work(frozenset({str(here / "src/a")}))
    assert ({"web"}, {}, set()) == (work.rebuild, work.sync, work.restart)


def test_a_command_is_run_once_for_a_batch(here: Path) -> None:
    hook = Hook(command=("reload",))
    rule = WatchRule(path=str(here / "src"), action="sync+exec", target="/app", exec=hook)
    work = of(rule).work(frozenset({str(here / "src/a"), str(here / "src/b")}))
    assert {"web": [hook]} == work.exec


def test_what_is_mounted_is_not_synced(here: Path) -> None:
    found = of(sync(here), mounts=(Mount(MountType.BIND, "/app", str(here)),))
    assert not found
    assert "bind-mounted" in found.warnings[0]


def test_rebuilding_needs_a_build(here: Path) -> None:
    with pytest.raises(UsageError, match="no build section"):
        of(WatchRule(path=str(here / "src"), action="rebuild"))
