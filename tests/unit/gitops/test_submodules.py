"""Submodules and large files: only when asked for, and only from where they may come."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from orchestrator.gitops.git import Access, Caps
from orchestrator.gitops.hosted import access
from orchestrator.gitops.repository import Extent, Ref, Repository
from orchestrator.gitops.submodules import access_for, resolved
from orchestrator.gitops.troubles import GitFailed, TooLarge, UrlRefused
from orchestrator.model.host import Credentials
from scripts.machine import packages
from tests.support.gitrepos import Repo

HOSTS = Access(token_file="own", elsewhere={"lib.example.org": Access(token_file="lib"), "h.example:8443": Access()})


@pytest.mark.parametrize(
    ("base", "url", "found"),
    [
        ("https://g.example/a/b.git", "../c.git", "https://g.example/a/c.git"),
        ("https://g.example:8443/a/b.git", "../../x/c.git", "https://g.example:8443/x/c.git"),
        ("https://g.example/a/b.git", "./c.git", "https://g.example/a/b.git/c.git"),
        ("ssh://git@g.example/a/b.git", "../c.git", "ssh://git@g.example/a/c.git"),
        ("git@g.example:a/b.git", "../c.git", "git@g.example:a/c.git"),
        ("/srv/a/b.git", "../c.git", "/srv/a/c.git"),
        ("https://g.example/a/b.git", "https://lib.example.org/c.git", "https://lib.example.org/c.git"),
    ],
)
def test_urls_of_submodules_are_understood_as_git_does(base: str, url: str, found: str) -> None:
    assert found == resolved(base, url)
    assert access_for(base, HOSTS, found)


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("https://g.example/a/b.git", "https://evil.example/c.git"),
        ("https://g.example/a/b.git", "https://g.example:8443/c.git"),
        ("https://g.example/a/b.git", "ssh://git@g.example/c.git"),
        ("https://g.example/a/b.git", "https://user:pw@g.example/c.git"),
        ("https://g.example/a/b.git", "https://token@g.example/c.git"),
        ("https://g.example/a/b.git", "http://g.example/c.git"),
        ("https://g.example/a/b.git", "git://g.example/c.git"),
        ("https://g.example/a/b.git", "file:///etc"),
        ("https://g.example/a/b.git", "/etc"),
        ("https://g.example/a/b.git", "ext::sh -c x"),
        ("https://g.example/a/b.git", "--upload-pack=x"),
        ("https://g.example/a/b.git", "-c"),
        ("https://g.example/a/b.git", "ssh://-oProxyCommand=x/y"),
        ("https://g.example/a/b.git", "https://127.0.0.1/x.git"),
        ("https://g.example/a/b.git", "https://h.example/x.git"),
        ("https://g.example/a/b.git", "https://[::1]:99999/x.git"),
        ("git@g.example:a/b.git", "../../../c.git"),
        ("/srv/a/b.git", "../../etc/c.git"),
        ("/srv/a/b.git", "/srv/a/c.git"),
        ("/srv/a/b.git", "https://g.example/c.git"),
    ],
)
def test_urls_of_submodules_that_are_never_fetched_from(base: str, url: str) -> None:
    with pytest.raises(UrlRefused):
        access_for(base, HOSTS, resolved(base, url))


def test_a_source_s_own_credentials_win_over_those_of_its_host() -> None:
    shared = {"g.example": Credentials(token_file="/shared", ca_file="/ca", user="robot"), "other": Credentials()}
    found = access("https://g.example/a.git", Credentials(token_file="/own"), shared)

    assert ("/own", "/ca", "robot") == (found.token_file, found.ca_file, found.user)
    assert "git" == access("https://h.example/a.git", Credentials(), shared).user
    assert {"g.example", "other"} == set(found.elsewhere)


@pytest.fixture
def library(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "library")
    made.write("base.yml", "services: {web: {image: web:1}}\n")
    made.commit()
    return made


@pytest.fixture
def repo(tmp_path: Path, library: Repo) -> Repo:
    made = Repo(tmp_path / "repo")
    made.write("stacks/shop/app.yml", "include: [../../lib/base.yml]\n")
    made.add_module("lib", "../library", library.git("rev-parse", "HEAD"))
    return made


def laid_out(repo: Repo, tmp_path: Path, extent: Extent, **caps: int) -> Path:
    mirror = Repository(repo.url, str(tmp_path / "state"), caps=Caps(**caps), extent=extent)
    return Path(mirror.checkout(mirror.fetch(Ref())))


def test_submodules_are_laid_out_when_they_are_asked_for(repo: Repo, tmp_path: Path) -> None:
    assert [] == os.listdir(laid_out(repo, tmp_path, Extent()) / "lib")
    assert "web:1" in (laid_out(repo, tmp_path, Extent(submodules=True)) / "lib/base.yml").read_text()


def test_submodules_of_submodules_count_and_end(repo: Repo, tmp_path: Path, library: Repo) -> None:
    deeper = Repo(tmp_path / "deeper")
    deeper.write("file", "deep\n")
    deeper.commit()
    library.add_module("inner", "../deeper", deeper.git("rev-parse", "HEAD"))
    repo.git("update-index", "--cacheinfo", f"160000,{library.git('rev-parse', 'HEAD')},lib")
    repo.git("commit", "--quiet", "-m", "newer")

    assert "deep\n" == (laid_out(repo, tmp_path, Extent(submodules=True)) / "lib/inner/file").read_text()
    with pytest.raises(TooLarge):
        laid_out(repo, tmp_path / "other", Extent(submodules=True), files=4)


@pytest.mark.parametrize("url", ["ext::sh -c 'touch {canary}'", "{outside}", "file://{outside}", "https://127.0.0.1/x"])
def test_a_submodule_from_elsewhere_is_refused_by_name(repo: Repo, tmp_path: Path, url: str) -> None:
    outside = Repo(tmp_path / "outside" / "secret")
    commit = outside.commit()
    repo.add_module("evil", url.format(canary=tmp_path / "canary", outside=outside.url), commit)

    with pytest.raises(UrlRefused, match="the submodule evil"):
        laid_out(repo, tmp_path, Extent(submodules=True))
    assert not (tmp_path / "canary").exists()


@pytest.fixture
def lfs_repo(tmp_path: Path) -> Repo:
    packages.have(packages.GIT)
    repo = Repo(tmp_path / "repo")
    repo.git("lfs", "install", "--local")
    repo.git("lfs", "track", "*.bin")
    (repo.folder / "large.bin").write_bytes(b"large" * 1000)
    repo.write("app.yml", "services: {web: {image: web:1}}\n")
    repo.commit()
    return repo


def test_large_files_are_fetched_when_they_are_asked_for(lfs_repo: Repo, tmp_path: Path) -> None:
    assert (laid_out(lfs_repo, tmp_path, Extent()) / "large.bin").read_bytes().startswith(b"version https://git-lfs")
    assert b"large" * 1000 == (laid_out(lfs_repo, tmp_path, Extent(lfs=True)) / "large.bin").read_bytes()


def test_large_files_count_before_they_are_fetched(lfs_repo: Repo, tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match=r"large\.bin"):
        laid_out(lfs_repo, tmp_path, Extent(lfs=True), file=4000)


def test_a_large_file_that_is_not_what_its_pointer_says_is_refused(lfs_repo: Repo, tmp_path: Path) -> None:
    for path in (lfs_repo.folder / ".git/lfs/objects").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(b"other" * 1000)
    with pytest.raises(GitFailed, match="large"):
        laid_out(lfs_repo, tmp_path, Extent(lfs=True))
