"""Large files (git LFS) over https and ssh: they come from the repository's own host and nowhere else, and only as their pointers say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.gitops.git import Access, Caps
from orchestrator.gitops.repository import Extent, Ref, Repository
from orchestrator.gitops.troubles import GitFailed
from scripts.machine import packages
from tests.conftest import free_port
from tests.support.gitrepos import Repo
from tests.support.gitserver import TOKEN, Authority, HttpsGit, SshGit
from tests.support.lfsserver import LargeFiles

CONTENT = b"large" * 1000


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    packages.have(packages.GIT)
    made = Repo(tmp_path / "served" / "infra.git")
    made.git("lfs", "install", "--local")
    made.git("lfs", "track", "*.bin")
    (made.folder / "large.bin").write_bytes(CONTENT)
    made.write("app.yml", "services: {web: {image: web:1}}\n")
    made.commit()
    return made


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ca")


@pytest.fixture
def server(repo: Repo, authority: Authority) -> Iterator[HttpsGit]:
    with HttpsGit(repo.folder.parent, authority.server()) as made:
        made.large_files = LargeFiles(repo.folder, made.url("infra.git"))
        yield made


@pytest.fixture(params=["another name", "another port"])
def elsewhere(server: HttpsGit, repo: Repo, authority: Authority, request: pytest.FixtureRequest) -> Iterator[HttpsGit]:
    """Another host, which would give everything to whoever asks with the token."""
    named = request.param == "another name"
    context = authority.server("127.0.0.2") if named else authority.server()
    address = ("127.0.0.2", server.port) if named else ("127.0.0.1", 0)
    with HttpsGit(repo.folder.parent, context, address=address) as made:
        made.large_files = LargeFiles(repo.folder, made.url("infra.git"))
        assert server.large_files is not None
        server.large_files.elsewhere = made.url("infra.git")
        yield made


def laid_out(server: HttpsGit, tmp_path: Path, authority: Authority, **caps: int) -> Path:
    (tmp_path / "token").write_text(TOKEN)
    access = Access(token_file=str(tmp_path / "token"), ca_file=str(authority.certificate))
    mirror = Repository(
        server.url("infra.git"), str(tmp_path / "state"), access, caps=Caps(**caps), extent=Extent(lfs=True)
    )
    return Path(mirror.checkout(mirror.fetch(Ref())))


def test_over_https_a_pointer_becomes_the_file_for_who_has_the_token(
    server: HttpsGit, tmp_path: Path, authority: Authority
) -> None:
    assert CONTENT == (laid_out(server, tmp_path, authority) / "large.bin").read_bytes()
    assert any("/info/lfs/objects/batch" in path for path in server.trusted)


@pytest.mark.parametrize("fault", ["missing", "gone", "other", "short", "long", "endless"])
def test_what_is_not_as_its_pointer_says_is_refused_and_named(
    server: HttpsGit, tmp_path: Path, authority: Authority, fault: str
) -> None:
    assert server.large_files is not None
    server.large_files.fault = fault
    with pytest.raises(GitFailed, match="large file") as caught:
        laid_out(server, tmp_path, authority, pack=4 << 20)
    assert TOKEN not in str(caught.value)
    kept = [path for path in (tmp_path / "state").rglob("*") if path.is_file() and path.stat().st_size > (1 << 20)]
    assert [] == kept

    server.large_files.fault = ""
    assert CONTENT == (laid_out(server, tmp_path, authority) / "large.bin").read_bytes()


@pytest.mark.parametrize("fault", ["batch elsewhere", "object elsewhere"])
def test_a_redirect_to_another_host_is_refused(
    server: HttpsGit, elsewhere: HttpsGit, tmp_path: Path, authority: Authority, fault: str
) -> None:
    assert server.large_files is not None
    server.large_files.fault = fault
    with pytest.raises(GitFailed, match="large file"):
        laid_out(server, tmp_path, authority)
    assert [] == elsewhere.trusted
    assert [] == elsewhere.asked


def test_a_store_elsewhere_that_the_server_names_gets_no_token(
    server: HttpsGit, elsewhere: HttpsGit, tmp_path: Path, authority: Authority
) -> None:
    """Many servers keep large files in a store of another name. It is asked without the token; at another port it is not."""
    assert server.large_files is not None
    server.large_files.fault = "href elsewhere"
    with pytest.raises(GitFailed, match="large file"):
        laid_out(server, tmp_path, authority)
    assert [] == elsewhere.trusted
    assert [] == elsewhere.asked or elsewhere.port == server.port


def test_what_the_repository_says_about_other_hosts_counts_for_nothing(
    server: HttpsGit, elsewhere: HttpsGit, repo: Repo, tmp_path: Path, authority: Authority
) -> None:
    repo.write(".lfsconfig", f"[lfs]\n\turl = {elsewhere.url('infra.git')}/info/lfs\n")
    repo.commit()

    assert CONTENT == (laid_out(server, tmp_path, authority) / "large.bin").read_bytes()
    assert [] == elsewhere.asked


def test_over_ssh_it_is_said_that_they_cannot_be_had(repo: Repo, tmp_path: Path) -> None:
    """A server that gives them over ssh itself is none that people have; the others send to https, which is another port."""
    with SshGit(tmp_path / "ssh", free_port()) as server:
        access = Access(key_file=str(server.key), known_hosts=str(server.known_hosts))
        mirror = Repository(server.url(repo.folder), str(tmp_path / "state"), access, extent=Extent(lfs=True))
        commit = mirror.fetch(Ref())
        with pytest.raises(GitFailed, match="large file"):
            mirror.checkout(commit)
