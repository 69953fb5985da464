"""The plan of a commit sees of a repository what the source would take of it: submodules, large files, some folders, signed tags."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.machine import packages
from tests.cli.conftest import Said, Shell
from tests.support.gitrepos import Repo
from tests.support.gitserver import TOKEN, Authority, HttpsGit
from tests.support.lfsserver import LargeFiles
from tests.support.signers import OpenPgp, Signers, Ssh

HOWS = ("source", "git")
BASE = "services: {{web: {{image: 'web:{version}'}}}}\n"


@pytest.fixture(autouse=True)
def state(shell: Shell) -> Path:
    shell.set("STACK_STATE_DIR", str(shell.folder / "state"))
    return shell.folder / "state"


@pytest.fixture(params=HOWS)
def planned(shell: Shell, request: pytest.FixtureRequest) -> Any:
    """The plan of a commit, asked in both ways: of a source of the host file, and by the options that say the same."""

    def ask(url: str, ref: str, **settings: str) -> Said:
        if request.param == "git":
            words = [word for key, value in settings.items() for word in _option(key, value)]
            return shell("plan", "--git", url, "--ref", ref, "--path", "stacks/shop", *words, "--json")
        lines = "".join(f"    {key}: {value}\n" for key, value in {"url": url, **settings}.items())
        lines += "    semver: '*'\n" if settings.get("verify") == "tag" else ""
        (shell.folder / "host.yml").write_text(f"sources:\n  infra:\n{lines}")
        return shell("plan", "--source", "infra", "--config", "host.yml", "--ref", ref, "--json")

    return ask


def _option(key: str, value: str) -> list[str]:
    option = f"--{key.replace('_', '-')}"
    return [option] if value == "true" else [option, value.strip("[]")]


def only(said: Said) -> dict[str, Any]:
    stacks = json.loads(said.out)["stacks"]
    assert ["shop"] == [one["name"] for one in stacks]
    return dict(stacks[0])


def test_submodules_are_those_of_the_commit_and_only_when_asked_for(shell: Shell, planned: Any) -> None:
    library = Repo(shell.folder / "library")
    library.write("base.yml", BASE.format(version=1))
    repo = Repo(shell.folder / "repo")
    repo.write("stacks/shop/app.yml", "include: [../../lib/base.yml]\n")
    repo.add_module("lib", "../library", library.commit())
    library.write("base.yml", BASE.format(version=2))
    repo.git("checkout", "--quiet", "-b", "change")
    repo.move_module("lib", library.commit())

    assert "web:2" in json.dumps(only(planned(repo.url, "change", submodules="true").ok()))
    assert "web:1" in json.dumps(only(planned(repo.url, "main", submodules="true").ok()))
    without = only(planned(repo.url, "change").failed(1))
    assert "invalid" == without["state"]
    assert "lib/base.yml" in json.dumps(without)


def test_a_submodule_from_elsewhere_is_told_and_nothing_of_the_commit_is_read(shell: Shell, planned: Any) -> None:
    outside = Repo(shell.folder / "outside" / "secret")
    repo = Repo(shell.folder / "repo")
    repo.write("stacks/shop/app.yml", BASE.format(version=1))
    repo.commit()
    repo.add_module("evil", outside.url, outside.commit())

    said = json.loads(planned(repo.url, "main", submodules="true").failed(1).out)
    assert [] == said["stacks"]
    assert ["git-url-refused"] == [one["reference"] for one in said["problems"]]
    assert "the submodule evil" in said["problems"][0]["message"]


def test_a_sparse_source_has_the_folders_that_it_names_and_no_others(shell: Shell, planned: Any) -> None:
    repo = Repo(shell.folder / "repo")
    repo.write("stacks/shop/app.yml", "include: [../../common/base.yml]\n")
    repo.write("common/base.yml", BASE.format(version=1))
    repo.write("rest/base.yml", BASE.format(version=3))
    repo.commit()
    repo.git("checkout", "--quiet", "-b", "change")
    repo.write("common/base.yml", BASE.format(version=2))
    repo.commit()
    repo.git("checkout", "--quiet", "-b", "further")
    repo.write("stacks/shop/app.yml", "include: [../../rest/base.yml]\n")
    repo.commit()

    assert "web:2" in json.dumps(only(planned(repo.url, "change", sparse="[common]").ok()))
    further = only(planned(repo.url, "further", sparse="[common]").failed(1))
    assert "invalid" == further["state"]
    assert "rest/base.yml" in json.dumps(further)


@pytest.fixture(params=[Ssh, OpenPgp])
def signers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Signers]:
    made = request.param(tmp_path / "signers")
    try:
        yield made
    finally:
        made.close()


def test_what_has_no_good_tag_is_told_as_such_and_not_read(shell: Shell, planned: Any, signers: Signers) -> None:
    repo = Repo(shell.folder / "repo")
    for version, who in ((1, "good"), (2, "stranger")):
        repo.write("stacks/shop/app.yml", BASE.format(version=version))
        signers.sign(repo, who)
        repo.git("tag", "-s", f"v{version}", "-m", "signed")
    settings = {"verify": "tag", "keys": str(signers.keys)}

    assert "new" == only(planned(repo.url, "v1", **settings).ok())["state"]
    for ref in ("v2", "main"):
        said = json.loads(planned(repo.url, ref, **settings).failed(1).out)
        assert [] == said["stacks"]
        assert ["signature-refused"] == [one["reference"] for one in said["problems"]]


def test_large_files_are_those_of_the_commit(shell: Shell, planned: Any, tmp_path: Path) -> None:
    packages.have(packages.GIT)
    repo = Repo(tmp_path / "served" / "infra.git")
    repo.git("lfs", "install", "--local")
    repo.git("lfs", "track", "*.env")
    repo.write("stacks/shop/app.yml", "services: {web: {image: 'web:${VERSION}'}}\n")
    for branch in ("main", "change"):
        repo.git("checkout", "--quiet", "-B", branch)
        repo.write("stacks/shop/.env", f"VERSION={branch}\n")
        repo.commit()
    assert "git-lfs" in repo.git("show", "change:stacks/shop/.env")
    authority = Authority(tmp_path / "ca")
    (tmp_path / "token").write_text(TOKEN)
    settings = {"lfs": "true", "token_file": str(tmp_path / "token"), "ca_file": str(authority.certificate)}

    with HttpsGit(repo.folder.parent, authority.server()) as server:
        server.large_files = LargeFiles(repo.folder, server.url("infra.git"))
        assert "web:change" in json.dumps(only(planned(server.url("infra.git"), "change", **settings).ok()))
        server.large_files.fault = "other"
        said = planned(server.url("infra.git"), "main", **settings).failed(1)
    assert "large file" in said.out + said.err
    assert TOKEN not in said.out + said.err
