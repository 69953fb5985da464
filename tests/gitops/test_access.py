"""Repositories over https and ssh, on real servers: who is let in, who is not, and that no credential is seen anywhere."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.gitops.git import Access, Caps
from orchestrator.gitops.repository import Extent, Ref, Repository
from orchestrator.gitops.troubles import AccessRefused, GitFailed, HostUnknown, Unreachable
from tests.conftest import free_port
from tests.support.gitrepos import Repo
from tests.support.gitserver import TOKEN, Authority, HttpsGit, SshGit
from tests.support.waiting import eventually


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("git")


@pytest.fixture(scope="module")
def repo(folder: Path) -> Repo:
    made = Repo(folder / "served" / "infra")
    made.write("app.yml", "services: {web: {image: web:1}}\n")
    made.commit()
    made.git("tag", "v1.0.0")
    return made


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder / "ca")


@pytest.fixture(scope="module")
def https(folder: Path, repo: Repo, authority: Authority) -> Iterator[HttpsGit]:
    with HttpsGit(repo.folder.parent, authority.server()) as server:
        yield server


@pytest.fixture(scope="module")
def ssh(folder: Path, repo: Repo) -> Iterator[SshGit]:
    with SshGit(folder / "ssh", free_port()) as server:
        yield server


@pytest.fixture
def access(tmp_path: Path, authority: Authority) -> Access:
    (tmp_path / "token").write_text(TOKEN + "\n")
    return Access(token_file=str(tmp_path / "token"), ca_file=str(authority.certificate))


def fetched(url: str, tmp_path: Path, access: Access, seconds: float = 30.0) -> Path:
    mirror = Repository(url, str(tmp_path / "state"), access, caps=Caps(seconds=seconds))
    return Path(mirror.checkout(mirror.fetch(Ref())))


def test_a_repository_is_fetched_over_https_with_a_token(https: HttpsGit, access: Access, tmp_path: Path) -> None:
    assert (fetched(https.url("infra"), tmp_path, access) / "app.yml").exists()


def test_a_repository_is_fetched_over_ssh_with_a_key(ssh: SshGit, repo: Repo, tmp_path: Path) -> None:
    access = Access(key_file=str(ssh.key), known_hosts=str(ssh.known_hosts))
    mirror = Repository(ssh.url(repo.folder), str(tmp_path / "state"), access)

    assert repo.git("rev-parse", "HEAD") == mirror.fetch(Ref(semver="^1"))
    assert Ref(tag="v1.0.0") == mirror.find("v1.0.0")


@pytest.mark.parametrize("text", ["", "\n", " \r\n"])
def test_an_empty_token_file_is_told_as_that(https: HttpsGit, access: Access, tmp_path: Path, text: str) -> None:
    (tmp_path / "token").write_text(text, newline="")
    with pytest.raises(AccessRefused, match=r"/token holds no token"):
        fetched(https.url("infra"), tmp_path, access)


TOKEN_FILES = {
    "a byte-order mark": ("\ufeffTOKEN\n", "begins with a byte-order mark"),
    "UTF-16": ("TOKEN\n".encode("utf-16"), "begins with a byte-order mark"),
    "two lines": ("TOKEN\nanother\n", "has several lines"),
    "a line before it": ("\nTOKEN\n", "has several lines"),
    "two lines of another system": ("TOKEN\r\nanother\r\n", "has several lines"),
    "a blank in it": ("user TOKEN\n", "a blank in the middle of its line"),
    "a blank that is none": ("TOKEN\u200b\n", "cannot be seen"),
    "no text": (b"\xff\x00", "no text in UTF-8"),
}


@pytest.mark.parametrize("case", TOKEN_FILES)
def test_what_is_wrong_with_a_token_file_is_said_before_anybody_is_asked(
    https: HttpsGit, access: Access, tmp_path: Path, case: str
) -> None:
    content, said = TOKEN_FILES[case]
    data = content.encode() if isinstance(content, str) else content
    (tmp_path / "token").write_bytes(data.replace(b"TOKEN", TOKEN.encode()))
    https.asked.clear()

    with pytest.raises(AccessRefused, match=said) as caught:
        fetched(https.url("infra"), tmp_path, access)
    assert TOKEN not in f"{caught.value} {caught.value.hint}"
    assert [] == https.asked


@pytest.mark.parametrize("end", ["", "\n", "\r\n", " \n", "\t \r\n", "\n\n \n"])
def test_a_token_may_end_its_line_in_any_way(https: HttpsGit, access: Access, tmp_path: Path, end: str) -> None:
    (tmp_path / "token").write_text(TOKEN + end, newline="")
    assert (fetched(https.url("infra"), tmp_path, access) / "app.yml").exists()


def test_a_wrong_token_is_refused_and_not_shown(https: HttpsGit, access: Access, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("canary-wrong\n")
    with pytest.raises(AccessRefused, match="token_file") as caught:
        fetched(https.url("infra"), tmp_path, access)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("before", [" ", "\t"])
def test_blanks_before_a_token_are_no_part_of_it(https: HttpsGit, access: Access, tmp_path: Path, before: str) -> None:
    (tmp_path / "token").write_text(f"{before}{TOKEN}\n")
    assert (fetched(https.url("infra"), tmp_path, access) / "app.yml").exists()


KEY_FILES: dict[str, tuple[Callable[[str], str], str]] = {
    "lines that end in CRLF": (lambda key: key.replace("\n", "\r\n"), "CRLF"),
    "a byte-order mark": (lambda key: f"\ufeff{key}", "byte-order mark"),
    "a line before it": (lambda key: f"\n{key}", "before its first line"),
    "lines that end in blanks": (lambda key: key.replace("\n", " \n"), "blanks"),
    "no end of its last line": (lambda key: key.rstrip("\n"), "without a line end"),
    "the public half": (lambda key: "ssh-ed25519 AAAA someone\n", "a public key"),
}


@pytest.mark.parametrize("case", KEY_FILES)
def test_a_key_that_ssh_cannot_read_is_told_as_what_it_is_and_how_to_mend_it(
    ssh: SshGit, repo: Repo, tmp_path: Path, case: str
) -> None:
    spoil, said = KEY_FILES[case]
    key = tmp_path / "key"
    key.write_text(spoil(ssh.key.read_text()), newline="")
    key.chmod(0o600)
    access = Access(key_file=str(key), known_hosts=str(ssh.known_hosts))
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run(["ssh-keygen", "-y", "-P", "", "-f", str(key)], check=True, capture_output=True)

    with pytest.raises(AccessRefused, match=said) as caught:
        fetched(ssh.url(repo.folder), tmp_path, access)
    _, found, mend = caught.value.hint.partition(": ")
    if found:
        subprocess.run(["sh", "-c", mend], check=True)
        assert (fetched(ssh.url(repo.folder), tmp_path, access) / "app.yml").exists()


SSH_WRONG = {
    "a key that is not known": ({"key_file": "other_key"}, AccessRefused, "key_file"),
    "no key": ({"key_file": ""}, AccessRefused, "key_file"),
    "a key that others may read": ({"key_file": "open_key"}, AccessRefused, "chmod 600"),
    "no known hosts": ({"known_hosts": ""}, HostUnknown, "ssh-keyscan"),
    "another host key": ({"known_hosts": "wrong_hosts"}, HostUnknown, "another than"),
}


@pytest.mark.parametrize("case", SSH_WRONG)
def test_what_is_wrong_with_ssh_is_said(ssh: SshGit, repo: Repo, tmp_path: Path, case: str) -> None:
    changed, kind, said = SSH_WRONG[case]
    (ssh.folder / "open_key").write_text(ssh.key.read_text())
    (ssh.folder / "open_key").chmod(0o644)
    files = {"key_file": "deploy_key", "known_hosts": "known_hosts", **changed}
    access = Access(**{name: str(ssh.folder / file) if file else "" for name, file in files.items()})  # type: ignore[arg-type]

    with pytest.raises(kind, match=said):
        fetched(ssh.url(repo.folder), tmp_path, access)


@pytest.mark.parametrize("kind", ["unknown authority", "expired", "another name"])
def test_a_server_that_does_not_prove_who_it_is_gets_no_token(
    repo: Repo, authority: Authority, access: Access, tmp_path: Path, kind: str
) -> None:
    context = {
        "unknown authority": lambda: Authority(tmp_path / "other").server(),
        "expired": lambda: authority.server(expired=True),
        "another name": lambda: authority.server("elsewhere.example"),
    }[kind]()
    with HttpsGit(repo.folder.parent, context) as server:
        with pytest.raises(HostUnknown, match="ca_file"):
            fetched(server.url("infra"), tmp_path, access)
        assert [] == server.asked


def test_a_redirect_is_not_followed(
    https: HttpsGit, repo: Repo, authority: Authority, access: Access, tmp_path: Path
) -> None:
    with HttpsGit(repo.folder.parent, authority.server()) as elsewhere:
        https.elsewhere = elsewhere.url("")[:-1]
        with https.failing("redirect"), pytest.raises(GitFailed, match="leads elsewhere"):
            fetched(https.url("infra"), tmp_path, access)
        assert [] == elsewhere.asked


def test_credentials_are_seen_by_nobody(https: HttpsGit, access: Access, tmp_path: Path) -> None:
    """What any process of this machine shows of itself while git hangs: words and environment."""
    seen: list[bytes] = []

    def hangs() -> None:
        with pytest.raises(Unreachable):  # when the server has ended it, at the latest
            fetched(https.url("infra"), tmp_path, access, 30)

    with https.failing("hang"):
        https.asked.clear()
        thread = threading.Thread(target=hangs)
        thread.start()
        eventually(lambda: https.asked, what="git asks")
        for process in Path("/proc").glob("[0-9]*"):
            for name in ("cmdline", "environ"):
                try:
                    seen.append((process / name).read_bytes())
                except OSError:
                    continue
    thread.join()

    assert any(b"stack-git-" in one for one in seen)
    assert [] == [one for one in seen if TOKEN.encode() in one and b"pytest" not in one]


def test_no_other_host_is_given_the_token(access: Access, tmp_path: Path) -> None:
    """A server may send git, or what helps it, to another host that asks for a token."""
    mirror = Repository("https://127.0.0.1:1/x", str(tmp_path / "state"), access)
    environment = mirror.git._environment(str(tmp_path))
    for host, given in (
        ("127.0.0.1:1", True),
        ("127.0.0.1:2", False),
        ("evil.example", False),
        ("evil/@127.0.0.1:1", False),
    ):
        asked = subprocess.run(
            [environment["GIT_ASKPASS"], f"Password for 'https://git@{host}': "],
            env=dict(environment),
            capture_output=True,
            check=False,
        )
        assert given == (TOKEN.encode() in asked.stdout), host


def test_submodules_come_with_the_credentials_of_their_host(
    https: HttpsGit, access: Access, tmp_path: Path, repo: Repo
) -> None:
    library = Repo(repo.folder.parent / "library")
    library.write("base.yml", "services: {}\n")
    commit = library.commit()
    outer = Repo(repo.folder.parent / "outer")
    outer.write(".gitmodules", '[submodule "lib"]\n\tpath = lib\n\turl = ../library\n')
    outer.git("add", "--all")
    outer.git("update-index", "--add", "--cacheinfo", f"160000,{commit},lib")
    outer.git("commit", "--quiet", "-m", "with a module")
    mirror = Repository(https.url("outer"), str(tmp_path / "state"), access, extent=Extent(submodules=True))

    assert (Path(mirror.checkout(mirror.fetch(Ref()))) / "lib/base.yml").exists()
