"""Fetching within limits: what is too much, what leads out, what was damaged or cut short, and how commits lie to each other."""

from __future__ import annotations

import os
import random
import subprocess
from pathlib import Path

import pytest

from orchestrator.gitops.call import Call
from orchestrator.gitops.confined import Confinement, command
from orchestrator.gitops.git import Caps
from orchestrator.gitops.repository import Extent, Ref, Repository, RepositoryRefused
from orchestrator.gitops.troubles import GitFailed, TooLarge, Unreachable
from tests.support.gitrepos import Repo

APP = "services: {web: {image: web:1}}\n"


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo")
    made.write("stacks/shop/app.yml", APP)
    made.commit()
    return made


def mirror_of(repo: Repo, tmp_path: Path, **caps: float) -> Repository:
    return Repository(repo.url, str(tmp_path / "state"), caps=Caps(**caps))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("caps", "said"),
    [({"files": 3}, "more files"), ({"file": 100}, "b.bin is larger"), ({"content": 500}, "repository is larger")],
)
def test_what_is_more_than_is_taken_is_not_laid_out(
    repo: Repo, tmp_path: Path, caps: dict[str, int], said: str
) -> None:
    for number in range(3):
        repo.write(f"f{number}", "x" * 90)
    repo.write("b.bin", "y" * 400)
    repo.commit()
    mirror = mirror_of(repo, tmp_path, **caps)

    with pytest.raises(TooLarge, match=said):
        mirror.checkout(mirror.fetch(Ref()))
    assert [] == os.listdir(tmp_path / "state" / os.path.basename(mirror.directory) / "checkouts")


def test_a_tree_that_contains_itself_many_times_over_is_left_in_time(repo: Repo, tmp_path: Path) -> None:
    """Thirty levels of two equal folders are a billion files in a pack of a few kilobytes."""
    blob = repo.git("hash-object", "-w", "--stdin", stdin="x")
    tree = repo.git("mktree", stdin=f"100644 blob {blob}\tf\n")
    for _ in range(30):
        tree = repo.git("mktree", stdin=f"040000 tree {tree}\ta\n040000 tree {tree}\tb\n")
    commit = repo.git("commit-tree", tree, "-m", "bomb")
    repo.git("update-ref", "refs/heads/main", commit)
    mirror = mirror_of(repo, tmp_path)

    with pytest.raises(GitFailed):
        mirror.checkout(mirror.fetch(Ref()))


def test_a_pack_that_is_too_large_does_not_fill_the_disk(repo: Repo, tmp_path: Path) -> None:
    (repo.folder / "noise").write_bytes(os.urandom(3 << 20))
    repo.commit()
    mirror = mirror_of(repo, tmp_path, pack=1 << 20)
    for _ in range(3):
        with pytest.raises(TooLarge, match="larger than is taken"):
            mirror.fetch(Ref())

    held = sum(path.stat().st_size for path in Path(mirror.directory).rglob("*") if path.is_file())
    assert held < 2 << 20


@pytest.mark.parametrize(
    ("links", "refused"),
    [
        ({"deep/1/2/a": "s/../../..", "deep/1/2/s": "../../../top"}, True),
        ({"a": "b", "b": "c", "c": "../out"}, True),
        ({"a": "a"}, False),
        ({"a": "nowhere/at/all"}, False),
        ({"a": "stacks", "b": "a/shop"}, False),
    ],
)
def test_where_links_end_is_found_by_following_them(
    repo: Repo, tmp_path: Path, links: dict[str, str], refused: bool
) -> None:
    repo.write("top/file", "x")
    for name, leads_to in links.items():
        path = repo.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(leads_to)
    repo.commit()
    mirror = mirror_of(repo, tmp_path)
    commit = mirror.fetch(Ref())
    if refused:
        with pytest.raises(RepositoryRefused, match="leads out"):
            mirror.checkout(commit)
    else:
        assert mirror.checkout(commit)


def test_a_path_deeper_than_is_taken_is_refused(repo: Repo, tmp_path: Path) -> None:
    file = f"M 100644 inline {'d/' * 1500}f\ndata 1\nx\n"
    commit = f"commit refs/heads/main\ncommitter a <a@b> 0 +0000\ndata 4\ndeep\n{file}"
    repo.git("fast-import", "--quiet", "--force", stdin=commit)
    mirror = mirror_of(repo, tmp_path)

    with pytest.raises(GitFailed):
        mirror.checkout(mirror.fetch(Ref()))


def test_contents_are_laid_out_as_they_were_committed(repo: Repo, tmp_path: Path) -> None:
    """Attributes would leave files out, change line ends and expand keywords in an archive."""
    repo.write(".gitattributes", "secret.txt export-ignore\n*.txt text eol=crlf export-subst ident\n")
    repo.write("secret.txt", "$Format:%H$ $Id$\nsecond\n")
    (repo.folder / "run").write_text("#!/bin/sh\n")
    (repo.folder / "run").chmod(0o755)
    repo.commit()
    mirror = mirror_of(repo, tmp_path)
    place = Path(mirror.checkout(mirror.fetch(Ref())))

    assert b"$Format:%H$ $Id$\nsecond\n" == (place / "secret.txt").read_bytes()
    assert os.access(place / "run", os.X_OK)
    assert not os.access(place / "secret.txt", os.X_OK)


def test_what_a_killed_git_left_is_cleared_away(repo: Repo, tmp_path: Path) -> None:
    mirror = mirror_of(repo, tmp_path)
    mirror.fetch(Ref())
    left = [Path(mirror.mirror, "shallow.lock"), Path(mirror.mirror, "objects/pack/tmp_pack_x")]
    for path in left:
        path.write_bytes(b"left behind")
    repo.write("a", "a")

    assert repo.commit() == mirror.fetch(Ref())
    assert [] == [path for path in left if path.exists()]


def test_a_checkout_that_was_damaged_is_mended_where_it_is(repo: Repo, tmp_path: Path) -> None:
    """The folder stays the same one: containers may have mounted it."""
    repo.write("stacks/shop/www/index.html", "hello")
    repo.write("stacks/shop/conf/a", "a")
    repo.commit()
    mirror = mirror_of(repo, tmp_path)
    commit = mirror.fetch(Ref())
    place = Path(mirror.checkout(commit))
    folder = (place / "stacks/shop/www").stat().st_ino
    (place / "stacks/shop/www/index.html").write_text("hallo")
    (place / "stacks/shop/app.yml").unlink()
    (place / "stacks/shop/conf/a").unlink()
    (place / "stacks/shop/conf/a").mkdir()
    (place / "stacks/shop/new").write_text("not ours")

    assert str(place) == mirror.checkout(commit)
    assert "hello" == (place / "stacks/shop/www/index.html").read_text()
    assert APP == (place / "stacks/shop/app.yml").read_text()
    assert "a" == (place / "stacks/shop/conf/a").read_text()
    assert not (place / "stacks/shop/new").exists()
    assert folder == (place / "stacks/shop/www").stat().st_ino


def test_checkouts_that_are_noted_stay_and_others_go(repo: Repo, tmp_path: Path) -> None:
    mirror = mirror_of(repo, tmp_path)
    commits = []
    for number in range(10):
        repo.write("n", str(number))
        repo.commit()
        commits.append(mirror.fetch(Ref()))
        os.utime(mirror.checkout(commits[-1]), (number, number))
    Path(mirror.directory, "stack-shop").write_text(f"{commits[0]} digest\n")
    mirror.forget([commits[1]])

    assert [*commits[:2], *commits[5:]] == [one for one in commits if mirror.complete(one)]


@pytest.mark.parametrize("distance", [1, 5, 40])
def test_a_head_that_went_back_is_known_in_a_shallow_mirror(repo: Repo, tmp_path: Path, distance: int) -> None:
    first = repo.git("rev-parse", "HEAD")
    for number in range(distance):
        repo.write("n", str(number))
        last = repo.commit()
    mirror = mirror_of(repo, tmp_path)
    assert last == mirror.fetch(Ref())
    repo.git("update-ref", "refs/heads/main", first)

    assert first == mirror.fetch(Ref())
    assert mirror.is_ancestor(first, last)
    assert not mirror.is_ancestor(last, first)


def test_a_head_that_went_forward_or_was_written_anew_did_not_go_back(repo: Repo, tmp_path: Path) -> None:
    mirror = mirror_of(repo, tmp_path)
    first = mirror.fetch(Ref())
    for number in range(30):
        repo.write("n", str(number))
        last = repo.commit()
    assert last == mirror.fetch(Ref())
    assert not mirror.is_ancestor(last, first)
    repo.git("commit", "--quiet", "--amend", "-m", "written anew")
    anew = mirror.fetch(Ref())
    assert not mirror.is_ancestor(anew, last)


def test_what_follows_a_commit_takes_few_git_commands(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is a process that is confined first, which costs more than what git does: polls come every minute, on every host."""
    started: list[str] = []

    class Counting(Call):
        def __enter__(self) -> Call:
            started.append(" ".join(self._words))
            return super().__enter__()

    monkeypatch.setattr("orchestrator.gitops.git.Call", Counting)
    mirror = mirror_of(repo, tmp_path)
    first = mirror.fetch(Ref())
    started.clear()

    assert first == mirror.fetch(Ref())
    assert 1 == len(started), started  # ls-remote
    started.clear()
    repo.write("n", "1")
    repo.commit()
    second = mirror.fetch(Ref())
    assert not mirror.is_ancestor(second, first)
    assert mirror.checkout(second)
    assert 6 == len(started), started  # ls-remote, fetch, rev-parse, merge-base, ls-tree, cat-file


def test_a_commit_whose_parent_is_too_large_is_fetched_alone(repo: Repo, tmp_path: Path) -> None:
    mirror = mirror_of(repo, tmp_path, pack=1 << 20)
    first = mirror.fetch(Ref())
    (repo.folder / "noise").write_bytes(os.urandom(3 << 20))
    repo.commit()
    (repo.folder / "noise").unlink()
    newest = repo.commit()

    assert newest == mirror.fetch(Ref())
    assert not mirror.is_ancestor(newest, first)


def test_a_reference_that_goes_to_and_fro_is_always_at_what_it_names(repo: Repo, tmp_path: Path) -> None:
    mirror = mirror_of(repo, tmp_path)
    first = mirror.fetch(Ref())
    repo.write("n", "1")
    second = repo.commit()
    for commit in (second, first, first, second, second, first):
        repo.git("update-ref", "refs/heads/main", commit)

        assert commit == mirror.fetch(Ref())


def test_a_head_that_went_back_after_the_newer_one_is_gone_is_known_from_what_is_here(
    repo: Repo, tmp_path: Path
) -> None:
    mirror = mirror_of(repo, tmp_path)
    first = mirror.fetch(Ref())
    repo.write("n", "1")
    second = repo.commit()
    assert second == mirror.fetch(Ref())
    assert not mirror.is_ancestor(second, first)  # the daemon asks for every new head
    repo.git("reset", "--quiet", "--hard", first)
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("gc", "--quiet", "--prune=now")

    assert first == mirror.fetch(Ref())
    assert mirror.is_ancestor(first, second)


def test_a_mirror_stays_small_however_often_it_is_fetched_into(
    repo: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.gitops.mirrors.MOST_PACKS", 3)
    mirror = mirror_of(repo, tmp_path)
    for number in range(8):
        repo.write("n", str(number))
        repo.commit()
        commit = mirror.fetch(Ref())
    assert len(list(Path(mirror.mirror, "objects/pack").glob("*.pack"))) <= 4
    assert mirror.checkout(commit)


def test_only_the_folders_that_are_wanted_are_fetched(repo: Repo, tmp_path: Path) -> None:
    repo.git("config", "uploadpack.allowFilter", "true")
    (repo.folder / "large.bin").write_bytes(os.urandom(3 << 20))
    repo.write("common/base.yml", APP)
    repo.commit()
    mirror = Repository(
        repo.url, str(tmp_path / "state"), caps=Caps(pack=1 << 20), extent=Extent(sparse=("stacks", "common"))
    )
    place = Path(mirror.checkout(mirror.fetch(Ref())))

    assert APP == (place / "stacks/shop/app.yml").read_text()
    assert ["common", "stacks"] == sorted(path.name for path in place.iterdir() if not path.name.startswith("."))
    repo.write("common/base.yml", "changed\n")
    repo.commit()
    assert "changed\n" == (Path(mirror.checkout(mirror.fetch(Ref()))) / "common/base.yml").read_text()


def test_two_at_a_time_wait_for_each_other_and_not_for_ever(repo: Repo, tmp_path: Path) -> None:
    one, other = mirror_of(repo, tmp_path), mirror_of(repo, tmp_path, seconds=0.3)
    with one.held(), pytest.raises(Unreachable, match="did not finish"):
        other.fetch(Ref())
    assert mirror_of(repo, tmp_path).fetch(Ref())


CONFINED = {
    "a secret of root's": ["cat", "/etc/shadow"],
    "a file elsewhere": ["sh", "-c", "echo x > /tmp/{name}"],
    "a network": ["git", "ls-remote", "https://127.0.0.1:{port}/x.git"],
    "a Unix socket": ["perl", "-e", "use Socket; socket(S, AF_UNIX, SOCK_STREAM, 0) or die"],
    "a privilege": ["chown", "65534", "{home}"],
    "a large file": ["dd", "if=/dev/zero", "of={home}/large", "bs=1M", "count=3"],
}


@pytest.mark.parametrize("case", CONFINED)
def test_a_confined_program_reaches_nothing_but_its_own(tmp_path: Path, case: str) -> None:
    words = [word.format(name=tmp_path.name, home=tmp_path, port=9) for word in CONFINED[case]]
    confinement = Confinement(writable=(str(tmp_path),), largest=1 << 20)

    assert 0 != subprocess.run(command(words, confinement), capture_output=True, check=False).returncode
    assert 0 == subprocess.run(command(["touch", str(tmp_path / "own")], confinement), check=False).returncode


@pytest.mark.parametrize("seed", [2, 3, pytest.param(-1, marks=[pytest.mark.long, pytest.mark.timeout(1200)])])
def test_a_mirror_with_flipped_bits_is_fetched_anew_at_the_next_try_at_the_latest(
    repo: Repo, tmp_path: Path, seed: int
) -> None:
    for one in range(50) if seed < 0 else [seed]:
        mirror = mirror_of(repo, tmp_path / str(one))
        last = mirror.fetch(Ref())
        for number in range(2):
            repo.write("n", f"{one} {number}")
            repo.commit()
            commit, before = mirror.fetch(Ref()), last
            assert not mirror.is_ancestor(commit, before)
            last = commit
        _flip(Path(mirror.mirror, "objects"), random.Random(one))
        repo.write("n", f"{one} newest")
        wanted = repo.commit()
        troubles = []
        for _ in range(3):
            try:
                commit = mirror.fetch(Ref())
                mirror.is_ancestor(commit, last)
                mirror.checkout(commit)
            except GitFailed as problem:
                troubles.append(problem)
        assert wanted == commit
        assert len(troubles) <= 1, troubles


def _flip(folder: Path, chance: random.Random) -> None:
    """One bit of every file."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size):
        data = bytearray(path.read_bytes())
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        path.chmod(0o644)
        path.write_bytes(data)
