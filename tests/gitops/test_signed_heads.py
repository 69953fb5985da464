"""A source that demands signatures stays at the last head that had a good one, and says which key it is that does not count."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from orchestrator.gitops.follower import Follower
from orchestrator.gitops.repository import Ref, Repository
from orchestrator.gitops.signatures import Verify
from scripts.machine import packages
from tests.support.gitrepos import Repo


class Signers:
    """Keys of one kind: ``good`` and ``late`` (which has expired) count until something is done about it, ``stranger`` never."""

    said: ClassVar[dict[str, str]]

    def __init__(self, folder: Path) -> None:
        packages.have({"gpg": "gnupg", **packages.GIT, "faketime": "faketime"})
        self.folder, self.keys = folder, folder / "keys"
        self.keys.mkdir(parents=True)

    def sign(self, repo: Repo, who: str) -> str:
        raise NotImplementedError

    def revoke(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        pass


class Ssh(Signers):
    said: ClassVar = {"stranger": "SHA256:", "expired": "SHA256:", "revoked": "revoked"}

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        lines = []
        for who in ("good", "late", "stranger"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / who)], check=True)
            until = ',valid-before="20200101"' if who == "late" else ""
            if who != "stranger":
                lines.append(f'* namespaces="git"{until} {(folder / who).with_suffix(".pub").read_text()}')
        (self.keys / "allowed_signers").write_text("".join(lines))

    def sign(self, repo: Repo, who: str) -> str:
        repo.git("config", "gpg.format", "ssh")
        repo.git("config", "user.signingkey", str(self.folder / f"{who}.pub"))
        return repo.commit(f"signed by {who}", "-S")

    def revoke(self) -> None:
        (self.keys / "revoked_keys").write_text((self.folder / "good.pub").read_text())


class OpenPgp(Signers):
    said: ClassVar = {"stranger": "not among the keys", "expired": "has expired", "revoked": "was revoked"}

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._home = folder / "home"
        self._home.mkdir(mode=0o700)
        for who in ("good", "stranger"):
            self._gpg("--passphrase", "", "--quick-generate-key", f"{who}@example.org", "ed25519", "sign", "never")
        self._gpg("--faketime", "20200101T000000", "--passphrase", "", "--quick-generate-key", "late@example.org",
                  "ed25519", "sign", "2d")  # fmt: skip
        for who in ("good", "late"):
            self._export(who)

    def _gpg(self, *words: str, stdin: bytes = b"") -> bytes:
        words = tuple("--faked-system-time" if word == "--faketime" else word for word in words)
        command = [
            "gpg",
            "--homedir",
            str(self._home),
            "--batch",
            "--yes",
            "--pinentry-mode",
            "loopback",
            "--quiet",
            *words,
        ]
        return subprocess.run(command, check=True, capture_output=True, input=stdin).stdout

    def _export(self, who: str) -> None:
        (self.keys / f"{who}.asc").write_bytes(self._gpg("--armor", "--export", f"{who}@example.org"))

    def sign(self, repo: Repo, who: str) -> str:
        program = self.folder / "sign"
        when = "--faked-system-time 20200101T120000" if who == "late" else ""
        program.write_text(f'#!/bin/sh\nexec gpg --homedir "{self._home}" --batch {when} "$@"\n')
        program.chmod(0o755)
        repo.git("config", "gpg.program", str(program))
        repo.git("config", "user.signingkey", f"{who}@example.org")
        return repo.commit(f"signed by {who}", "-S")

    def revoke(self) -> None:
        listed = self._gpg("--with-colons", "--list-keys", "good@example.org").decode()
        print_ = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))
        made = (self._home / "openpgp-revocs.d" / f"{print_}.rev").read_text().replace(":-----BEGIN", "-----BEGIN")
        self._gpg("--import", stdin=made.encode())
        self._export("good")

    def close(self) -> None:
        subprocess.run(["gpgconf", "--homedir", str(self._home), "--kill", "all"], check=True)


@pytest.fixture(params=[Ssh, OpenPgp])
def signers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Signers]:
    kind: Callable[[Path], Signers] = request.param
    made = kind(tmp_path / "signers")
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo")
    made.write("app.yml", "services: {}\n")
    return made


def follower_of(repo: Repo, tmp_path: Path, signers: Signers) -> Follower:
    return Follower(
        Repository(repo.url, str(tmp_path / "state")),
        Ref(),
        interval=1.0,
        changed=lambda: None,
        chance=lambda: 0.5,
        how=Verify.COMMIT,
        keys=str(signers.keys),
    )


BAD = ("unsigned", "signature on the parent alone", "stranger", "expired", "changed after it was signed", "revoked")


@pytest.mark.parametrize("case", BAD)
def test_a_head_without_a_good_signature_is_not_taken(case: str, signers: Signers, repo: Repo, tmp_path: Path) -> None:
    good = signers.sign(repo, "good")
    follower = follower_of(repo, tmp_path, signers)
    follower.fetch()
    assert follower.head is not None, follower.trouble
    assert good == follower.head.commit
    match case:
        case "unsigned" | "signature on the parent alone":
            repo.commit("not signed", "--no-gpg-sign")
        case "stranger":
            signers.sign(repo, "stranger")
        case "expired":
            signers.sign(repo, "late")
        case "revoked":
            signers.sign(repo, "good")
            signers.revoke()
        case _:
            text = repo.git("cat-file", "commit", signers.sign(repo, "good")).replace("signed by", "signed for")
            repo.git("update-ref", "HEAD", repo.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=text + "\n"))
    follower.fetch()

    assert good == follower.head.commit
    assert follower.trouble is not None
    assert "signature-refused" == follower.trouble.ref
    assert signers.said.get(case, "signature") in follower.trouble.message
    assert not Path(follower.repository.directory, "checkouts", repo.git("rev-parse", "HEAD")).exists()


def test_a_tag_that_was_signed_under_another_name_does_not_count(signers: Signers, repo: Repo, tmp_path: Path) -> None:
    """Who can write to the repository can give an old signed tag a new name."""
    signers.sign(repo, "good")
    repo.git("tag", "-s", "v1.0.0", "-m", "signed")
    repo.git("update-ref", "refs/tags/v2.0.0", "refs/tags/v1.0.0")
    made = [
        Follower(
            Repository(repo.url, str(tmp_path / "state")),
            ref,
            interval=1.0,
            changed=lambda: None,
            chance=lambda: 0.5,
            how=Verify.BOTH,
            keys=str(signers.keys),
        )
        for ref in (Ref(tag="v1.0.0"), Ref(semver="~1.0"), Ref(tag="v2.0.0"), Ref(semver=">=1"))
    ]
    for follower in made:
        follower.fetch()

    assert [True, True, False, False] == [follower.head is not None for follower in made]
    assert "was signed as the tag v1.0.0" in str(made[2].trouble)
