"""Commits and tags that must be signed: by a key that counts, or nothing of them is read."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.gitops.repository import Ref, Repository
from orchestrator.gitops.signatures import SignatureRefused, Verify, verify
from scripts.machine import packages
from tests.support.gitrepos import Repo


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo")
    made.write("app.yml", "services: {}\n")
    return made


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    folder.mkdir()
    return folder


def ssh_key(tmp_path: Path, name: str) -> Path:
    packages.have({"ssh-keygen": "openssh-client"})
    path = tmp_path / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


def sign_with(repo: Repo, key: Path) -> None:
    repo.git("config", "gpg.format", "ssh")
    repo.git("config", "user.signingkey", f"{key}.pub")


def check(repo: Repo, tmp_path: Path, keys: Path, how: Verify = Verify.COMMIT, ref: Ref | None = None) -> None:
    mirror = Repository(repo.url, str(tmp_path / "state"))
    commit = mirror.fetch(ref or Ref())
    verify(mirror, commit, ref.tag if ref else "", how, str(keys))


def test_a_commit_signed_by_a_key_that_counts_is_taken(repo: Repo, tmp_path: Path, keys: Path) -> None:
    key = ssh_key(tmp_path, "key")
    sign_with(repo, key)
    repo.commit("signed", "-S")
    (keys / "key.pub").write_text(Path(f"{key}.pub").read_text())

    check(repo, tmp_path, keys)


def test_an_unsigned_commit_is_refused(repo: Repo, tmp_path: Path, keys: Path) -> None:
    repo.commit()
    (keys / "key.pub").write_text(Path(f"{ssh_key(tmp_path, 'key')}.pub").read_text())

    with pytest.raises(SignatureRefused):
        check(repo, tmp_path, keys)


def test_a_signature_on_the_parent_alone_is_not_enough(repo: Repo, tmp_path: Path, keys: Path) -> None:
    key = ssh_key(tmp_path, "key")
    sign_with(repo, key)
    repo.commit("signed", "-S")
    (keys / "key.pub").write_text(Path(f"{key}.pub").read_text())
    repo.commit("not signed", "--no-gpg-sign")

    with pytest.raises(SignatureRefused):
        check(repo, tmp_path, keys)


def test_a_strangers_signature_is_refused(repo: Repo, tmp_path: Path, keys: Path) -> None:
    sign_with(repo, ssh_key(tmp_path, "stranger"))
    repo.commit("signed", "-S")
    (keys / "key.pub").write_text(Path(f"{ssh_key(tmp_path, 'key')}.pub").read_text())

    with pytest.raises(SignatureRefused):
        check(repo, tmp_path, keys)


def test_an_openpgp_signature_is_verified_with_the_operators_keys_alone(repo: Repo, tmp_path: Path, keys: Path) -> None:
    packages.have({"gpg": "gnupg"})
    home = tmp_path / "gpg"
    home.mkdir(mode=0o700)
    gpg = ["gpg", "--homedir", str(home), "--batch", "--quiet"]
    subprocess.run(
        [*gpg, "--passphrase", "", "--quick-generate-key", "tester <tester@example.org>", "ed25519", "sign", "never"],
        check=True,
    )
    public = subprocess.run([*gpg, "--armor", "--export"], check=True, capture_output=True).stdout
    program = tmp_path / "gpg-for-signing"
    program.write_text(f'#!/bin/sh\nexec gpg --homedir "{home}" --batch "$@"\n')
    program.chmod(0o755)
    repo.git("config", "gpg.program", str(program))
    repo.git("config", "user.signingkey", "tester@example.org")
    repo.commit("signed", "-S")
    with pytest.raises(SignatureRefused):
        check(repo, tmp_path, keys)
    (keys / "tester.asc").write_bytes(public)
    try:
        check(repo, tmp_path, keys)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=True)


def test_a_tag_is_demanded_and_verified(repo: Repo, tmp_path: Path, keys: Path) -> None:
    key = ssh_key(tmp_path, "key")
    sign_with(repo, key)
    repo.commit()
    repo.git("tag", "-s", "v1.0.0", "-m", "signed")
    repo.git("tag", "-a", "v1.0.1", "-m", "not signed", "--no-sign")
    (keys / "key.pub").write_text(Path(f"{key}.pub").read_text())

    check(repo, tmp_path, keys, Verify.TAG, Ref(tag="v1.0.0"))
    with pytest.raises(SignatureRefused):
        check(repo, tmp_path, keys, Verify.TAG, Ref(tag="v1.0.1"))
    with pytest.raises(SignatureRefused, match="no tag"):
        check(repo, tmp_path, keys, Verify.TAG)
