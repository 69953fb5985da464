"""A host whose stacks lie in a git repository: what a commit does, what it does not do, and what happens when git is away."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.cli.main import main
from orchestrator.records import replace
from tests.conftest import free_port
from tests.support import daemons
from tests.support.daemons import Running
from tests.support.gitrepos import Repo
from tests.support.waiting import eventually

APP = "services:\n  db: {{image: db:1}}\n  web: {{image: web:{version}, depends_on: [db]}}\n"
HOST = "sources: {infra: {url: ./repo, interval: 1h}}\n"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo")
    for name in ("shop", "wiki"):
        made.write(f"stacks/{name}/app.yml", APP.format(version=1))
    made.commit()
    return made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STACK_LOCK_DIR", str(tmp_path / "locks"))
    (tmp_path / "host.yml").write_text(HOST)
    return tmp_path


@pytest.fixture
def host(repo: Repo, folder: Path) -> Iterator[Running]:
    with daemons.running(folder, free_port()) as found:
        for name in ("shop", "wiki"):
            found.settles(name)
        yield found


def push(host: Running, repo: Repo) -> str:
    commit = repo.commit()
    host.daemon.repositories.poke("infra")
    return commit


def images(host: Running, stack: str) -> set[str]:
    return {c.image for c in host.engine.engine.world.containers if c.name.startswith(f"{stack}-")}


def ids(host: Running, stack: str) -> set[str]:
    return {c.id for c in host.engine.engine.world.containers if c.name.startswith(f"{stack}-")}


def test_a_commit_reaches_the_stack_that_it_is_about_and_no_other(host: Running, repo: Repo) -> None:
    wiki = ids(host, "wiki")
    repo.write("stacks/shop/app.yml", APP.format(version=2))
    push(host, repo)

    eventually(lambda: images(host, "shop") == {"db:1", "web:2"}, what="the new version")
    host.settles("shop")
    assert wiki == ids(host, "wiki")
    assert host.client.plan("wiki")["changes"] is False


def test_a_new_folder_is_a_new_stack(host: Running, repo: Repo) -> None:
    repo.write("stacks/more/app.yml", APP.format(version=1))
    push(host, repo)

    eventually(lambda: images(host, "more") == {"db:1", "web:1"}, what="the new stack")


@pytest.mark.parametrize(
    "text",
    ["services: {web: {imag: x}}", "services: [", "", "services: {web: {image: '${X:?needed}'}}"],
)
def test_a_bad_commit_changes_nothing_and_is_shown(host: Running, repo: Repo, text: str) -> None:
    before = ids(host, "shop")
    repo.write("stacks/shop/app.yml", text)
    push(host, repo)
    host.settles("shop", "invalid")

    assert before == ids(host, "shop")
    repo.write("stacks/shop/app.yml", APP.format(version=3))
    push(host, repo)
    eventually(lambda: images(host, "shop") == {"db:1", "web:3"}, what="the mended version")


BROKEN = "services:\n  db: {image: db:1}\n  web:\n    image: web:1\n    imag: x\n"


@pytest.mark.parametrize(
    ("stack", "files", "place"),
    [
        ("shop", {"stacks/shop/app.yml": BROKEN}, "stacks/shop/app.yml:5:5"),
        ("more", {"stacks/more/app.yml": BROKEN}, "stacks/more/app.yml:5:5"),
        (
            "shop",
            {"stacks/shop/app.yml": "include: [../../shared/web.yml]\n", "shared/web.yml": BROKEN},
            "shared/web.yml:5:5",
        ),
        (
            "shop",
            {"stacks/shop/app.yml": "services:\n  web:\n    image: w\n    volumes: ['../../../../x:/x']\n"},
            "stacks/shop/app.yml:4:",
        ),
        (
            "shop",
            {
                "stacks/shop/app.yml": "services:\n  web:\n    image: w\n    secrets: [s]\nsecrets: {s: {file: s.age}}\n",
                "stacks/shop/s.age": "age-encryption.org/v1\n",
            },
            "stacks/shop/",
        ),
    ],
    ids=["a kept one", "a new one", "an included file", "a path that leads out", "an encrypted file"],
)
def test_an_error_names_the_commit_and_the_place_in_the_repository(
    host: Running, repo: Repo, stack: str, files: dict[str, str], place: str
) -> None:
    for name, text in files.items():
        repo.write(name, text)
    commit = push(host, repo)
    host.settles(stack, "invalid")

    shown = host.client.stack(stack)
    assert shown["where"].startswith(place), shown
    assert commit[:12] in shown["message"]
    [event] = [one for one in host.client.events(stack=stack) if one["event"] == "invalid"]
    assert f"at {place}" in event["message"]
    assert commit[:12] in event["message"]


def test_the_command_shows_the_place_as_well(host: Running, repo: Repo, capsys: pytest.CaptureFixture[str]) -> None:
    repo.write("stacks/shop/app.yml", BROKEN)
    push(host, repo)
    host.settles("shop", "invalid")
    code = main(["daemon", "status", "shop", "--socket", str(host.socket)])

    assert code == 1
    assert "\nat stacks/shop/app.yml:5:5, services.web.imag\n" in capsys.readouterr().out


def test_a_stack_that_has_gone_goes_on_unless_the_host_says_prune(host: Running, repo: Repo, folder: Path) -> None:
    shutil.rmtree(repo.folder / "stacks/wiki")
    push(host, repo)
    eventually(lambda: [e for e in host.client.events(stack="wiki") if e["event"] == "left"], what="it is said")
    assert {"db:1", "web:1"} == images(host, "wiki")
    (folder / "host.yml").write_text(HOST.replace("interval", "prune: true, interval"))
    host.client.order_host("reload")
    repo.write("a", "a")
    repo.write("stacks/wiki/app.yml", APP.format(version=1))
    push(host, repo)
    host.settles("wiki")
    shutil.rmtree(repo.folder / "stacks/wiki")
    push(host, repo)

    eventually(lambda: not images(host, "wiki"), what="it is taken down")
    assert images(host, "shop")


def test_an_empty_repository_never_means_that_everything_goes(host: Running, repo: Repo, folder: Path) -> None:
    (folder / "host.yml").write_text(HOST.replace("interval", "prune: true, interval"))
    host.client.order_host("reload")
    shutil.rmtree(repo.folder / "stacks")
    push(host, repo)
    eventually(lambda: [e for e in host.client.events() if e["event"] == "source-empty"], what="it is said")

    assert images(host, "shop")
    assert images(host, "wiki")
    (source,) = host.client.sources()
    assert ("empty", "source-empty") == (source["state"], source["reference"])
    repo.git("revert", "--no-edit", "HEAD")
    host.daemon.repositories.poke("infra")
    eventually(lambda: host.client.sources()[0]["state"] == "current", what="it has stacks again")


@pytest.mark.parametrize(
    ("says", "told"),
    [("path: stack", "no stack in stack"), ("only: [shops]", "in stacks that `only` and `except` let in")],
)
def test_a_source_that_brings_no_stack_at_all_says_so(repo: Repo, folder: Path, says: str, told: str) -> None:
    """A word mistyped in host.yml looked like a source with which all is well."""
    (folder / "host.yml").write_text(HOST.replace("interval", f"{says}, interval"))
    with daemons.running(folder, free_port()) as found:
        eventually(lambda: [e for e in found.client.events() if e["event"] == "source-empty"], what="it is said")
        (event,) = [e for e in found.client.events() if e["event"] == "source-empty"]
        assert told in event["message"]
        (source,) = found.client.sources()
        assert ("empty", "source-empty") == (source["state"], source["reference"])
        assert told in source["message"]
        assert 1 == main(["sources", "--socket", str(found.socket)])


def test_a_stack_whose_source_follows_something_else_now_is_not_said_to_be_in_no_host_file(
    host: Running, repo: Repo, folder: Path
) -> None:
    (folder / "host.yml").write_text(HOST.replace("interval", f"commit: {repo.git('rev-parse', 'HEAD')}, interval"))
    host.client.order_host("reload")
    eventually(lambda: [e for e in host.client.events(stack="shop") if e["event"] == "released"], what="it is let go")

    (event,) = [e for e in host.client.events(stack="shop") if e["event"] == "released"]
    assert "asks its source for something else" in event["message"]
    host.settles("shop")


def test_a_commit_that_removes_most_services_is_held_until_somebody_agrees(
    host: Running, repo: Repo, folder: Path
) -> None:
    (folder / "host.yml").write_text(HOST.replace("interval", "prune: true, interval"))
    host.client.order_host("reload")
    big = "services:\n" + "".join(f"  s{number}: {{image: x:1}}\n" for number in range(6))
    repo.write("stacks/shop/app.yml", big)
    push(host, repo)
    host.settles("shop", "waiting")
    assert {"db:1", "web:1"} == images(host, "shop")
    assert "2 of 2 services (db, web)" in host.client.stack("shop")["message"]
    host.client.order("shop", "apply")
    eventually(lambda: images(host, "shop") == {"x:1"}, what="what was agreed to")


def test_a_file_without_services_removes_nothing_by_itself(host: Running, repo: Repo) -> None:
    before = ids(host, "shop")
    repo.write("stacks/shop/app.yml", "services: {}")
    push(host, repo)
    host.settles("shop", "waiting")

    assert before == ids(host, "shop")


def test_while_git_is_away_the_last_good_commit_is_kept_and_boots(repo: Repo, folder: Path) -> None:
    with daemons.running(folder, free_port()) as first:
        eventually(lambda: first.daemon.board.of("shop"), what="shop is discovered")
        first.settles("shop")
        before = ids(first, "shop")
    repo.folder.rename(folder / "away")
    (folder / "stack.sock").unlink(missing_ok=True)
    with daemons.running(folder, free_port()) as second:
        second.settles("shop")
        eventually(lambda: [e for e in second.client.events() if e["event"] == "source-failed"], what="it is said")
        assert before == ids(second, "shop")


def test_mounts_do_not_move_with_commits_that_are_about_something_else(repo: Repo, folder: Path) -> None:
    repo.write("stacks/shop/app.yml", "services: {web: {image: web:1, volumes: ['./www:/www:ro']}}\n")
    repo.write("stacks/shop/www/index.html", "one")
    repo.commit()
    with daemons.running(folder, free_port()) as host:
        host.settles("shop")
        before = ids(host, "shop")
        for number in range(3):
            repo.write("README.md", str(number))
            commit = push(host, repo)[:12]
            eventually(lambda commit=commit: commit in str(host.client.events()), what="the commit is taken")
        host.client.order("shop", "sync")
        host.settles("shop")
        assert before == ids(host, "shop")
        repo.write("stacks/shop/www/index.html", "two")
        push(host, repo)
        eventually(lambda: before != ids(host, "shop"), what="the page's service follows")


SICK = "  more: {image: sick, healthcheck: {test: [CMD, 'true']}}\n"
BAD = "services:\n  db: {image: db:2}\n  web: {image: 'exits:1', depends_on: [db]}\n  more: {image: more:1}\n"


def held(host: Running, repo: Repo) -> tuple[str, str]:
    """The good commit that serves, and the bad one that was gone back from."""
    good = repo.git("rev-parse", "HEAD")
    repo.write("stacks/shop/app.yml", BAD)
    bad = push(host, repo)
    eventually(lambda: host.client.stack("shop")["reference"] == "commit-held", what="the bad commit is held")
    eventually(lambda: images(host, "shop") == {"db:1", "web:1"}, what="the whole stack is back")
    eventually(lambda: not host.client.plan("shop")["changes"], what="the way back is gone")
    host.settles("shop", "failed")
    return good, bad


def test_a_commit_whose_rollout_fails_is_gone_back_from_as_a_whole(host: Running, repo: Repo) -> None:
    good, bad = held(host, repo)

    shown = host.client.stack("shop")
    assert f"commit {bad[:12]} failed (" in shown["message"]
    assert f"; {good[:12]} serves; a newer commit is waited for" in shown["message"]
    assert (good, bad, "failed") == (shown["version"], shown["newer"]["version"], shown["newer"]["why"])
    assert ["commit-failed"] == [e["event"] for e in host.client.events(stack="shop") if e["event"] == "commit-failed"]
    assert 'stack_commit_held{stack="shop"} 1.0' in host.client.text("/metrics")


def test_history_and_audit_log_call_the_way_back_what_it_is(host: Running, repo: Repo, folder: Path) -> None:
    good, bad = held(host, repo)

    latest, before = host.client.revisions("shop")["revisions"][:2]
    assert ("applied", f"daemon: back from {bad[:12]}", good) == (
        latest["outcome"],
        latest["command"],
        latest["from"]["commit"],
    )
    assert ("failed", bad) == (before["outcome"], before["from"]["commit"])
    entries = [json.loads(line) for line in (folder / "state/audit.jsonl").read_text().splitlines()]
    told = [entry for entry in entries if entry.get("command") == "hold"]
    assert [("shop", bad, False)] == [(entry["stack"], entry["version"], entry["ok"]) for entry in told]


def test_a_held_commit_stays_held_over_restarts_and_commits_about_something_else(repo: Repo, folder: Path) -> None:
    with daemons.running(folder, free_port()) as first:
        eventually(lambda: first.daemon.board.of("shop"), what="shop is discovered")
        first.settles("shop")
        held(first, repo)
        repo.write("README.md", "about something else")
        commit = push(first, repo)[:12]
        eventually(lambda: commit in str(first.client.events()), what="the commit is taken note of")
        before = ids(first, "shop")
    with daemons.running_again(first, folder) as second:
        eventually(lambda: second.daemon.board.of("shop"), what="shop is known")
        second.settles("shop", "failed")
        assert before == ids(second, "shop")
        repo.write("stacks/shop/app.yml", APP.format(version=5))
        push(second, repo)
        eventually(lambda: images(second, "shop") == {"db:1", "web:5"}, what="the mended version")
        second.settles("shop")


def test_a_held_commit_is_tried_again_when_somebody_says_apply(host: Running, repo: Repo) -> None:
    held(host, repo)
    host.engine.engine.behaviours.pop("exits:1")
    host.client.order("shop", "apply")

    eventually(lambda: images(host, "shop") == {"db:2", "exits:1", "more:1"}, what="it is taken after all")
    host.settles("shop")


def test_while_git_is_away_a_daemon_boots_with_the_last_commit_that_did_well(repo: Repo, folder: Path) -> None:
    with daemons.running(folder, free_port()) as first:
        eventually(lambda: first.daemon.board.of("shop"), what="shop is discovered")
        first.settles("shop")
        held(first, repo)
        before = ids(first, "shop")
    repo.folder.rename(folder / "away")
    with daemons.running_again(first, folder) as second:
        eventually(lambda: second.daemon.board.of("shop"), what="shop is known")
        second.settles("shop", "failed")
        assert before == ids(second, "shop")


def test_a_daemon_that_begins_with_a_broken_head_keeps_the_last_good_commit(repo: Repo, folder: Path) -> None:
    with daemons.running(folder, free_port()) as first:
        eventually(lambda: first.daemon.board.of("shop"), what="shop is discovered")
        first.settles("shop")
    repo.write("stacks/shop/app.yml", "services: [")
    repo.commit()
    with daemons.running_again(first, folder) as second:
        second.settles("shop", "invalid")
        second.engine.engine.change(
            lambda world: replace(
                world, containers=tuple(c for c in world.containers if not c.name.startswith("shop-web"))
            )
        )
        second.client.order("shop", "sync")
        eventually(lambda: images(second, "shop") == {"db:1", "web:1"}, what="drift is mended")


def test_a_new_service_that_does_not_do_well_takes_its_commit_back(host: Running, repo: Repo) -> None:
    """A new service has nothing to go back to by itself; its commit has."""
    repo.write("stacks/shop/app.yml", APP.format(version=1) + SICK)
    push(host, repo)
    host.settles("shop", "failed")
    eventually(lambda: images(host, "shop") == {"db:1", "web:1"}, what="the new service is gone")
    assert "more is unhealthy" in host.client.stack("shop")["message"]


def test_an_environment_merges_its_files_over_a_stack(host: Running, repo: Repo, folder: Path) -> None:
    repo.write("stacks/shop/app.yml", "services: {web: {image: 'web:${TAG:-1}'}}\n")
    repo.write("stacks/shop/app.production.yml", "services: {more: {image: more:1}}\n")
    repo.write("stacks/shop/.env.production", "TAG=9\n")
    push(host, repo)
    (folder / "host.yml").write_text(HOST.replace("{url", "{environment: production, url"))
    host.daemon.reload()

    eventually(lambda: images(host, "shop") >= {"web:9", "more:1"}, what="the environment's files")


def test_a_stack_for_other_hosts_is_not_run_here_and_what_ran_of_it_stays(host: Running, repo: Repo) -> None:
    before = ids(host, "shop")
    repo.write("stacks/more/app.yml", "x-stack: {hosts: [elsewhere]}\n" + APP.format(version=1))
    repo.write("stacks/shop/app.yml", "x-stack: {hosts: [elsewhere]}\n" + APP.format(version=2))
    push(host, repo)

    said = "for elsewhere by now"
    eventually(lambda: any(said in one.text for one in host.daemon.board.happenings(0)), what="that it left")
    assert ids(host, "shop") == before
    assert not images(host, "more")


def test_two_sources_with_a_stack_of_one_name_are_told_and_the_first_keeps_it(
    host: Running, repo: Repo, folder: Path
) -> None:
    before = ids(host, "shop")
    other = Repo(folder / "other")
    other.write("stacks/shop/app.yml", APP.format(version=7))
    other.write("stacks/free/app.yml", APP.format(version=7))
    other.commit()
    (folder / "host.yml").write_text("sources:\n  infra: {url: ./repo, interval: 1h}\n  other: {url: ./other}\n")
    host.daemon.reload()
    eventually(lambda: bool(images(host, "free")), what="what nobody else claims")
    told = [one.text for one in host.daemon.board.happenings(0) if one.kind == "claimed-twice"]

    assert len(told) == 1
    assert 'two places claim the stack "shop": stacks/shop of source infra' in told[0]
    assert "stacks/shop of source other" in told[0]
    assert f"{folder}/host.yml:3:" in told[0]
    assert ids(host, "shop") == before


def test_a_stack_of_the_host_file_wins_over_a_repository_and_is_given_back(
    host: Running, repo: Repo, folder: Path
) -> None:
    (folder / "shop").mkdir()
    (folder / "shop" / "app.yml").write_text(APP.format(version=5))
    (folder / "host.yml").write_text("stacks: {shop: ./shop}\n" + HOST)
    host.daemon.reload()
    eventually(lambda: "web:5" in images(host, "shop"), what="the host file's own")
    assert [one for one in host.daemon.board.happenings(0) if one.kind == "claimed-twice"]
    (folder / "host.yml").write_text(HOST)
    host.daemon.reload()

    eventually(lambda: images(host, "shop") == {"db:1", "web:1"}, what="the repository's again")
