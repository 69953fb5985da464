"""`stack deploy`: a stack out of a git repository, on the memory engine."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.support.gitrepos import Repo

APP = "services:\n  db: {image: db:1}\n  web: {image: 'web:${TAG:-1}', depends_on: [db]}\n"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "infra")
    made.write("stacks/shop/app.yml", APP)
    made.write("stacks/shop/production.yml", "services: {web: {environment: {LEVEL: production}}}\n")
    made.write("stacks/wiki/compose.yaml", APP)
    made.commit()
    return made


def images(shell: Shell, stack: str = "shop") -> list[str]:
    return sorted(one["Image"] for one in _listed(shell("-p", stack, "ps", "--format", "json").ok().out))


def _listed(text: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_stack_is_brought_about_from_a_repository_and_remembers_its_commit(shell: Shell, repo: Repo) -> None:
    shell("deploy", repo.url, "--path", "stacks/shop").ok()

    assert ["db:1", "web:1"] == images(shell)
    revision = shell("-p", "shop", "history", "--json").ok().json["revisions"][0]
    origin = {"commit": repo.git("rev-parse", "HEAD"), "repository": repo.url, "ref": "the default branch"}
    assert origin.items() <= revision["from"].items()
    assert "deploy" == revision["command"]


def test_a_second_deploy_of_the_same_changes_nothing(shell: Shell, repo: Repo) -> None:
    shell("deploy", repo.url, "--path", "stacks/shop").ok()
    before = shell("-p", "shop", "ps", "-q").ok().out
    repo.write("README.md", "about something else")
    repo.commit()
    shell("deploy", repo.url, "--path", "stacks/shop").ok()

    assert before == shell("-p", "shop", "ps", "-q").ok().out
    assert 1 == len(shell("-p", "shop", "history", "--json").ok().json["revisions"])


def test_a_deployed_stack_is_taken_down_by_its_name(shell: Shell, repo: Repo) -> None:
    shell("deploy", repo.url, "--path", "stacks/shop", "-p", "store").ok()
    assert ["db:1", "web:1"] == images(shell, "store")
    shell("-p", "store", "down").ok()

    assert [] == images(shell, "store")


def test_variables_overlays_and_env_files_reach_the_spec(shell: Shell, repo: Repo) -> None:
    shell.write("TAG=2\n", "two.env")
    shell.set("TAG", "of this environment")
    shell("deploy", repo.url, "--path", "stacks/shop").ok()
    assert ["db:1", "web:1"] == images(shell)
    shell("deploy", repo.url, "--path", "stacks/shop", "--env-file", "two.env").ok()
    assert ["db:1", "web:2"] == images(shell)
    shell("deploy", repo.url, "--path", "stacks/shop", "--set", "TAG=3", "--overlay", "production.yml").ok()
    assert ["db:1", "web:3"] == images(shell)
    assert "LEVEL" in shell("-p", "shop", "history", "show", "3", "--json").ok().out


@pytest.mark.parametrize("way", ["--ref", "--branch", "--tag", "--semver", "--commit"])
def test_each_kind_of_reference_is_deployed(shell: Shell, repo: Repo, way: str) -> None:
    repo.git("tag", "v1.2.0")
    repo.git("branch", "next")
    commit = repo.git("rev-parse", "HEAD")
    repo.write("stacks/shop/app.yml", APP.replace("-1", "-9"))
    repo.commit()
    names = {"--branch": ["next"], "--tag": ["v1.2.0"], "--semver": ["^1"], "--commit": [commit]}
    for name in names.get(way) or ["next", "v1.2.0", "^1", commit]:
        shell("deploy", repo.url, "--path", "stacks/shop", way, name).ok()
        assert ["db:1", "web:1"] == images(shell)


def test_only_what_is_wanted_is_fetched(shell: Shell, repo: Repo) -> None:
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.write("common/base.yml", "services: {more: {image: more:1}}\n")
    repo.write("stacks/shop/app.yml", "include: [../../common/base.yml]\n" + APP)
    repo.commit()
    shell("deploy", repo.url, "--path", "stacks/shop", "--sparse", "other").failed(2)
    shell("deploy", repo.url, "--path", "stacks/shop", "--sparse", "common").ok()

    assert ["db:1", "more:1", "web:1"] == images(shell)


def test_a_dry_run_shows_the_plan_and_touches_nothing(shell: Shell, repo: Repo) -> None:
    shown = shell("--dry-run", "deploy", repo.url, "--path", "stacks/shop").ok()

    assert "web" in shown.out
    assert [] == images(shell)
    assert not list((shell.folder.parent / "state").rglob("stack-shop"))


def test_an_environment_chooses_the_files_that_bear_its_name(shell: Shell, repo: Repo) -> None:
    repo.write("stacks/shop/app.production.yml", "services: {more: {image: 'more:${MORE:-none}'}}\n")
    repo.write("stacks/shop/.env", "TAG=5\nMORE=5\n")
    repo.write("stacks/shop/.env.production", "TAG=6\nMORE=6\n")
    repo.write("stacks/shop/staging.env", "TAG=7\n")
    repo.commit()
    shell.write("TAG=8\n", "mine.env")
    for words, wanted in {
        (): ["db:1", "web:5"],
        ("--environment", "staging"): ["db:1", "web:7"],
        ("--environment", "production"): ["db:1", "more:6", "web:6"],
        ("--environment", "production", "--env-file", "mine.env"): ["db:1", "more:6", "web:8"],
        ("--environment", "production", "--set", "TAG=9"): ["db:1", "more:6", "web:9"],
    }.items():
        said = shell("deploy", repo.url, "--path", "stacks/shop", "--remove-orphans", *words).ok()

        assert wanted == images(shell)
        assert "warning" not in said.err


def test_an_environment_that_a_stack_has_nothing_of_is_told(shell: Shell, repo: Repo) -> None:
    said = shell("deploy", repo.url, "--path", "stacks/shop", "--environment", "prodcution").ok()

    assert "stacks/shop" in said.err
    assert "app.prodcution.yml" in said.err
    assert ["db:1", "web:1"] == images(shell)


def test_a_stack_for_other_hosts_is_refused_unless_this_one_is_called_so(shell: Shell, repo: Repo) -> None:
    repo.write("stacks/shop/app.production.yml", "x-stack: {hosts: [web1, 'db*']}\n")
    repo.commit()
    words = ("deploy", repo.url, "--path", "stacks/shop", "--environment", "production")
    for more in ((), ("--as-host", "web2")):
        failed = shell(*words, *more).failed(2)

        assert "stacks/shop is for web1, db*" in failed.err
        assert "--as-host" in failed.err
        assert (more[-1] if more else socket.gethostname()) in failed.err
        assert [] == images(shell)
    for name in ("web1", "db7"):
        shell(*words, "--as-host", name).ok()
    shell("deploy", repo.url, "--path", "stacks/shop").ok()

    assert ["db:1", "web:1"] == images(shell)


def test_a_stack_for_this_host_needs_no_word(shell: Shell, repo: Repo) -> None:
    repo.write("stacks/shop/app.yml", f"x-stack: {{hosts: {socket.gethostname()}}}\n{APP}")
    repo.commit()
    shell("deploy", repo.url, "--path", "stacks/shop").ok()


def test_a_spec_directly_in_stacks_is_one_stack(shell: Shell, tmp_path: Path) -> None:
    repo = Repo(tmp_path / "one")
    repo.write("stacks/app.yml", APP)
    repo.commit()
    shell("deploy", repo.url).ok()

    assert ["db:1", "web:1"] == images(shell, "stacks")


def test_a_folder_that_gives_no_name_needs_one(shell: Shell, tmp_path: Path) -> None:
    repo = Repo(tmp_path / "one")
    repo.write("stacks/日本/app.yml", APP)
    repo.commit()
    failed = shell("deploy", repo.url).failed(2)
    assert "stacks/日本 gives the stack no name" in failed.err
    assert "-p" in failed.err
    shell("deploy", repo.url, "-p", "japan").ok()

    assert ["db:1", "web:1"] == images(shell, "japan")


WRONG = {
    "no such ref": (["--path", "stacks/shop", "--ref", "mian"], 2, ["has no mian", "main"]),
    "no such branch": (["--path", "stacks/shop", "--branch", "mian"], 2, ["has no", "main"]),
    "no such tag": (["--path", "stacks/shop", "--tag", "v9"], 2, ["has no"]),
    "no version in the range": (["--path", "stacks/shop", "--semver", "^9"], 2, ["no tag in ^9"]),
    "no such commit": (["--path", "stacks/shop", "--commit", "0" * 40], 2, ["has no"]),
    "half a commit": (["--path", "stacks/shop", "--commit", "abc123"], 2, ["whole hash"]),
    "no spec there": (["--path", "stacks/shp"], 2, ["no spec in stacks/shp", "--path stacks/shop"]),
    "several stacks": (["--path", "stacks"], 2, ["--path stacks/shop", "--path stacks/wiki"]),
    "several stacks, no path": ([], 2, ["--path stacks/shop"]),
    "out of the repository": (["--path", "../x"], 2, ["leads out"]),
    "two refs": (["--branch", "main", "--tag", "v1"], 2, ["--branch and --tag"]),
    "no overlay": (["--path", "stacks/shop", "--overlay", "x.yml"], 2, ["has no stacks/shop/x.yml"]),
    "verify without keys": (["--path", "stacks/shop", "--verify", "commit"], 2, ["--keys"]),
    "no token file": (["--path", "stacks/shop", "--token-file", "nowhere"], 2, ["--token-file"]),
    "no env file": (["--path", "stacks/shop", "--env-file", "nowhere"], 2, ["nowhere"]),
    "an environment that is a path": (["--path", "stacks/shop", "--environment", "../x"], 2, ["--environment"]),
    "a host that is a pattern": (["--path", "stacks/shop", "--as-host", "*"], 2, ["--as-host"]),
    "a file of this machine": (["-f", "app.yml"], 2, ["--path"]),
    "a variable without value": (["--path", "stacks/shop", "--set", "TAG"], 2, ["--set"]),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_and_nothing_is_touched(shell: Shell, repo: Repo, case: str) -> None:
    words, code, said = WRONG[case]
    failed = shell("deploy", repo.url, *words).failed(code)

    assert [] == [text for text in said if text not in failed.err]
    assert [] == images(shell)


@pytest.mark.parametrize("url", ["https://user:secret@example.org/x.git", "ext::sh -c x", "nowhere", "http://x/y.git"])
def test_urls_that_are_never_fetched_from_are_refused(shell: Shell, url: str) -> None:
    shell("deploy", url).failed(2)


def test_a_repository_whose_root_is_the_stack_is_named_after_it(shell: Shell, tmp_path: Path) -> None:
    repo = Repo(tmp_path / "blog")
    repo.write("compose.yaml", APP)
    repo.commit()
    repo.git("clone", "--quiet", "--bare", repo.url, str(tmp_path / "bare" / "blog.git"))
    shell("deploy", str(tmp_path / "bare" / "blog.git")).ok()

    assert ["db:1", "web:1"] == images(shell, "blog")
