"""Repositories as they are fetched and laid out: the wanted commit, whole, and nothing that leads anywhere else."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.gitops import standing
from orchestrator.gitops.checkouts import KEPT
from orchestrator.gitops.git import Access, GitFailed, UrlRefused, checked
from orchestrator.gitops.repository import Ref, RefMissing, Repository, RepositoryRefused
from orchestrator.gitops.standing import Anchor, Standing, Version
from orchestrator.gitops.versions import newest_version
from tests.support.gitrepos import Repo

APP = "services: {web: {image: web:1}}\n"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo")
    made.write("stacks/shop/app.yml", APP)
    made.commit()
    return made


@pytest.fixture
def mirror(repo: Repo, tmp_path: Path) -> Repository:
    return Repository(repo.url, str(tmp_path / "state"))


def test_the_newest_commit_of_a_branch_is_laid_out(repo: Repo, mirror: Repository) -> None:
    first = mirror.fetch(Ref())
    repo.write("stacks/shop/app.yml", APP.replace("web:1", "web:2"))
    second = repo.commit()

    assert second == mirror.fetch(Ref(branch="main"))
    assert "web:1" in (Path(mirror.checkout(first)) / "stacks/shop/app.yml").read_text()
    assert "web:2" in (Path(mirror.checkout(second)) / "stacks/shop/app.yml").read_text()


def test_a_rewritten_branch_is_followed(repo: Repo, mirror: Repository) -> None:
    mirror.fetch(Ref())
    repo.git("commit", "--quiet", "--amend", "-m", "rewritten")

    assert repo.git("rev-parse", "HEAD") == mirror.fetch(Ref())


def test_tags_versions_and_single_commits_are_followed(repo: Repo, mirror: Repository) -> None:
    first = repo.git("rev-parse", "HEAD")
    repo.git("tag", "v1.2.0")
    repo.write("a", "a")
    second = repo.commit()
    repo.git("tag", "-a", "v1.3.0", "-m", "a release")
    repo.git("tag", "v2.0.0-rc1")

    assert first == mirror.fetch(Ref(tag="v1.2.0"))
    assert second == mirror.fetch(Ref(semver="^1.2"))
    assert first == mirror.fetch(Ref(commit=first))
    with pytest.raises(RefMissing, match="no tag"):
        mirror.fetch(Ref(semver=">=2"))


@pytest.mark.parametrize(
    ("wanted", "newest"),
    [
        ("1.x", "v1.10.2"),
        ("^1.2", "v1.10.2"),
        ("~1.2.0", "1.2.9"),
        (">=1.2 <1.10", "1.2.9"),
        ("*", "v2.0.0"),
        ("2.0.0", "v2.0.0"),
        ("0.3", "0.3.1"),
        ("^0.3", "0.3.1"),
        ("9", None),
    ],
)
def test_the_newest_version_of_a_range(wanted: str, newest: str | None) -> None:
    tags = ["v1.2.0", "1.2.9", "v1.10.2", "v2.0.0", "v2.1.0-rc1", "0.3.1", "0.4.0", "latest", "v1", "release-9.9.9"]

    assert newest == newest_version(tags, wanted)


@pytest.mark.parametrize(
    ("wanted", "newest"),
    [
        ("^1.2", "v1.2.1"),
        ("^1.2-0", "v1.3.0-rc.10"),
        (">=1.3.0-0", "v2.0.0-rc.1"),
        ("^1.3.0-beta.2", "v1.3.0-rc.10"),
        (">=1.3.0-beta.2 <1.3.0-rc", "v1.3.0-beta.11"),
        ("1.3.0-rc.2", "v1.3.0-rc.2"),
        ("~1.2.0-rc.1", "v1.2.1"),
        ("=1.2.0", "v1.2.0"),
        (">=1.2.0-0 <1.2.1", "v1.2.0"),
        ("1.2.0-rc.2", None),
        ("<1.2.0-0", None),
    ],
)
def test_pre_releases_come_before_their_release_and_in_the_order_of_their_numbers(
    wanted: str, newest: str | None
) -> None:
    """https://semver.org/#spec-item-11: the release follows its candidates, rc.10 follows rc.9, and a bound may be one of them."""
    made = ["1.2.0-rc.1", "1.2.0", "1.2.1", "1.3.0-beta.2", "1.3.0-beta.11", "1.3.0-rc.2", "1.3.0-rc.10", "2.0.0-rc.1"]

    assert newest == newest_version([f"v{one}" for one in made], wanted)


@pytest.mark.parametrize(
    ("wanted", "newest"),
    [("<=1.2", "1.2.9"), ("<=1", "1.3.0"), (">1.2", "2.0.0"), (">1", "2.0.0"), (">2", None), ("^0.0", "0.0.7")],
)
def test_a_bound_of_fewer_numbers_is_about_all_that_begins_like_it(wanted: str, newest: str | None) -> None:
    assert newest == newest_version(["0.0.7", "0.1.0", "1.2.0", "1.2.9", "1.3.0", "2.0.0"], wanted)


def test_a_repository_that_is_gone_is_said_and_what_was_fetched_stays(repo: Repo, mirror: Repository) -> None:
    commit = mirror.fetch(Ref())
    place = mirror.checkout(commit)
    shutil.rmtree(repo.folder)
    with pytest.raises(GitFailed):
        mirror.fetch(Ref())

    assert (Path(place) / "stacks/shop/app.yml").exists()


def test_a_damaged_mirror_is_made_anew(repo: Repo, mirror: Repository) -> None:
    mirror.fetch(Ref())
    for path in Path(mirror.mirror, "objects").rglob("*"):
        if path.is_file():
            path.chmod(0o644)
            path.write_bytes(b"damage")
    repo.write("a", "a")

    assert repo.commit() == mirror.fetch(Ref())


def test_half_a_checkout_is_not_trusted(repo: Repo, mirror: Repository) -> None:
    commit = mirror.fetch(Ref())
    place = Path(mirror.checkout(commit))
    place.with_name(f".complete-{commit}").unlink()
    (place / "stacks/shop/app.yml").unlink()

    assert (Path(mirror.checkout(commit)) / "stacks/shop/app.yml").exists()


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../../etc/passwd", "stacks/../../out", "/proc/self/root"])
def test_a_link_that_leads_out_is_refused(repo: Repo, mirror: Repository, target: str) -> None:
    (repo.folder / "link").symlink_to(target)
    repo.commit()

    with pytest.raises(RepositoryRefused, match="leads out"):
        mirror.checkout(mirror.fetch(Ref()))


def test_a_link_inside_is_laid_out(repo: Repo, mirror: Repository) -> None:
    (repo.folder / "link").symlink_to("stacks/shop")
    repo.commit()

    assert APP == (Path(mirror.checkout(mirror.fetch(Ref()))) / "link" / "app.yml").read_text()


def test_nothing_in_a_repository_is_executed(repo: Repo, mirror: Repository, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    repo.write(".gitattributes", "* filter=evil export-subst\n")
    repo.write(".gitmodules", f'[submodule "x"]\n\tpath = x\n\turl = ext::sh -c "touch {canary}"\n')
    for hook in ("post-checkout", "post-merge", "reference-transaction"):
        repo.write(f".git/hooks/{hook}", f"#!/bin/sh\ntouch {canary}\n")
    repo.git("config", "filter.evil.smudge", f"touch {canary}")
    repo.git("config", "filter.evil.clean", "cat")
    repo.commit()
    canary.unlink(missing_ok=True)
    mirror.checkout(mirror.fetch(Ref()))

    assert not canary.exists()


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c 'touch /tmp/x'",
        "file:///srv/repo",
        "http://example.org/repo.git",
        "git://example.org/repo.git",
        "--upload-pack=touch",
        "https://user:secret@example.org/repo.git",
        "https://token@example.org/repo.git",
        "ssh://-oProxyCommand=x/repo",
        "-oProxyCommand=x:repo",
        "relative/path",
        "https://example.org/a repo",
        "https:///repo",
        "fd::3",
    ],
)
def test_urls_that_are_never_fetched_from(url: str) -> None:
    with pytest.raises(UrlRefused):
        checked(url, Access())


@pytest.mark.parametrize(
    "url", ["https://example.org/a.git", "ssh://git@example.org/a.git", "git@example.org:a.git", "/srv/a"]
)
def test_urls_that_are(url: str) -> None:
    assert url == checked(url, Access())


def test_hosts_can_be_limited() -> None:
    with pytest.raises(UrlRefused, match=r"elsewhere\.example"):
        checked("https://elsewhere.example/a.git", Access(hosts=("example.org",)))


def test_two_threads_use_one_repository_one_after_the_other(repo: Repo, mirror: Repository) -> None:
    commit = mirror.fetch(Ref())

    def use(number: int) -> str:
        if number % 2:
            mirror.forget([commit])
            return commit
        return mirror.fetch(Ref())

    with ThreadPoolExecutor(4) as threads:
        assert {commit} == set(threads.map(use, range(40)))


def test_what_a_stack_of_another_source_of_the_repository_is_kept_as_stays(repo: Repo, mirror: Repository) -> None:
    kept, mounted = (mirror.fetch(Ref(commit=repo.commit())) for _ in range(2))
    anchors = {"www": Anchor(commit=mounted, digest="0")}
    version = Version(commit=kept, digest="1", anchors=anchors)
    standing.write(str(Path(mirror.directory, "stack-shop")), Standing(kept=version))
    places = [mirror.checkout(commit) for commit in (kept, mounted)]
    for _ in range(KEPT + 1):
        mirror.checkout(mirror.fetch(Ref(commit=repo.commit())))
    mirror.forget([])

    assert [True, True] == [Path(place).is_dir() for place in places]
