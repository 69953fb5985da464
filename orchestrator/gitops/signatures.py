"""Who signed a commit or a tag, verified before a single file of it is read.

Keys are the operator's: a folder with SSH public keys (``*.pub``, or ``allowed_signers``) and OpenPGP public keys
(``*.asc``, ``*.gpg``). Git verifies; the OpenPGP keys are imported into a keyring that lives as long as the question.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from enum import StrEnum

from orchestrator.gitops.git import GitFailed
from orchestrator.gitops.repository import Repository


class Verify(StrEnum):
    OFF = "off"
    COMMIT = "commit"
    TAG = "tag"
    BOTH = "tag+commit"


class SignatureRefused(GitFailed):
    """The commit is not signed by anybody who may."""

    reference = "signature-refused"
    retryable = False


def verify(repository: Repository, commit: str, tag: str, how: Verify, keys: str) -> None:
    """Raise SignatureRefused unless ``commit`` (and ``tag``) carries a good signature by one of ``keys``."""
    if how is Verify.OFF:
        return
    with tempfile.TemporaryDirectory(prefix="stack-keys-") as ring:
        os.chmod(ring, 0o700)
        config = [f"gpg.ssh.allowedSignersFile={_signers(keys, ring)}", f"gpg.program={_gpg(keys, ring)}"]
        if how in (Verify.COMMIT, Verify.BOTH):
            _ask(repository, "verify-commit", commit, config)
        if how in (Verify.TAG, Verify.BOTH):
            if not tag:
                raise SignatureRefused("a signed tag is demanded, and what is followed is no tag")
            _ask(repository, "verify-tag", f"refs/tags/{tag}", config)


def _ask(repository: Repository, verb: str, what: str, config: list[str]) -> None:
    try:
        repository.git.run(verb, "--", what, directory=repository.mirror, config=config)
    except GitFailed as problem:
        raise SignatureRefused(
            f"{what} carries no good signature by a key that counts: {problem.message}",
            hint="sign it, or add the signer's public key to the source's keys",
        ) from None


def _signers(keys: str, ring: str) -> str:
    """Git's file of allowed signers: the operator's own, or one that names every ``*.pub``."""
    own = os.path.join(keys, "allowed_signers")
    if os.path.exists(own):
        return own
    made = os.path.join(ring, "allowed_signers")
    with open(made, "w", encoding="ascii", errors="ignore") as file:
        for name in sorted(os.listdir(keys)):
            if name.endswith(".pub"):
                with open(os.path.join(keys, name), encoding="ascii", errors="ignore") as key:
                    file.write(f'* namespaces="git" {key.read().strip()}\n')
    return made


def _gpg(keys: str, ring: str) -> str:
    """A program that is gpg with nothing but the operator's keys in its keyring."""
    program = os.path.join(ring, "gpg")
    home = os.path.join(ring, "home")
    os.mkdir(home, 0o700)
    files = [os.path.join(keys, name) for name in sorted(os.listdir(keys)) if name.endswith((".asc", ".gpg"))]
    if files:
        try:
            subprocess.run(
                ["gpg", "--homedir", home, "--batch", "--quiet", "--import", "--", *files],
                capture_output=True,
                timeout=30,
                check=False,
            )
        except FileNotFoundError:
            raise SignatureRefused("there are OpenPGP keys, and gpg is not installed", hint="install gnupg") from None
    with open(program, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o700)) as file:
        file.write(f'#!/bin/sh\nexec gpg --homedir "{home}" --batch --no-auto-key-retrieve --trust-model always "$@"\n')
    return program
