"""Who signed a commit or a tag, verified before a single file of it is read.

Keys are the operator's: a folder with SSH public keys (``*.pub``, or ``allowed_signers``, and ``revoked_keys``) and OpenPGP
public keys (``*.asc``, ``*.gpg``). Git verifies; the OpenPGP keys are imported into a keyring that lives as long as the question.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
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
    tag = tag or repository.tag
    if how in (Verify.TAG, Verify.BOTH) and not tag:
        raise SignatureRefused("a signed tag is demanded, and what is followed is no tag")
    with tempfile.TemporaryDirectory(prefix="stack-keys-") as ring, repository.git.within(repository.caps.seconds):
        os.chmod(ring, 0o700)
        asked = _Asked(repository, keys, ring)
        if how in (Verify.COMMIT, Verify.BOTH):
            repository.readable(commit)
            asked.whether("verify-commit", commit)
        if how in (Verify.TAG, Verify.BOTH):
            _check_name(repository, tag, commit)
            asked.whether("verify-tag", f"refs/tags/{tag}")


def _check_name(repository: Repository, tag: str, commit: str) -> None:
    """A signed tag says in itself what it is called and what it is for; the name it was fetched by proves nothing."""
    text = repository.readable(f"refs/tags/{tag}").decode(errors="replace")
    said = dict(line.partition(" ")[::2] for line in text.partition("\n\n")[0].splitlines())
    if "tag" not in said:
        raise SignatureRefused(f"refs/tags/{tag} carries no signature: it is no annotated tag", hint="git tag -s")
    if said["tag"] != tag or said.get("object") != commit:
        raise SignatureRefused(f"refs/tags/{tag} was signed as the tag {said['tag']} of {said.get('object', '')[:12]}")


class _Asked:
    """Git, with nothing but the operator's keys."""

    def __init__(self, repository: Repository, keys: str, ring: str) -> None:
        self._repository, self._readable = repository, (keys, ring)
        self._config = [f"gpg.ssh.allowedSignersFile={_signers(keys, ring)}", f"gpg.program={_gpg(keys, ring)}"]
        revoked = os.path.join(keys, "revoked_keys")
        self._revoked = [f"gpg.ssh.revocationFile={revoked}"] if os.path.exists(revoked) else []

    def whether(self, verb: str, what: str) -> None:
        """Raise SignatureRefused where ``what`` carries no good signature."""
        try:
            self._ask(verb, what, self._revoked)
        except GitFailed as problem:
            raise SignatureRefused(
                f"{what} carries no good signature by a key that counts: {self._but_for_revocation(verb, what, problem)}",
                hint="sign it, or add the signer's public key to the source's keys",
            ) from None

    def _but_for_revocation(self, verb: str, what: str, problem: GitFailed) -> str:
        """Why not. Of a key that was revoked ssh-keygen says nothing at all: without the revocations the signature is good."""
        try:
            said = self._ask(verb, what, []) if self._revoked else []
        except GitFailed:
            said = []
        return f"{_why(said)}, which was revoked" if said else _why(problem.said)

    def _ask(self, verb: str, what: str, config: list[str]) -> list[str]:
        repository = self._repository
        with repository.git.call(
            verb,
            "--raw",
            "--",
            what,
            directory=repository.mirror,
            config=[*self._config, *config],
            readable=self._readable,
        ) as call:
            call.read(1 << 20)
        return call.said


_VERDICTS = {  # of gpg's status lines
    "BADSIG": "it was changed after it was signed with {}",
    "EXPKEYSIG": "the key {} has expired",
    "EXPSIG": "the signature by {} has expired",
    "REVKEYSIG": "the key {} was revoked",
    "ERRSIG": "it is signed by {}, which is not among the keys",
}


def _why(said: Sequence[str]) -> str:
    """Which key it was, and what is wrong with it, from what gpg or ssh-keygen printed."""
    for line in said:
        words = line.removeprefix("[GNUPG:] ").split()
        if line.startswith("[GNUPG:] ") and words[0] in _VERDICTS:
            return _VERDICTS[words[0]].format(words[1])
    for line in said:
        found = re.search(r"key (SHA256:\S+)", line)
        if found:
            good = line.startswith("Good") and not any("No principal" in one for one in said)
            return f"it is signed by {found[1]}" + ("" if good else ", which is not among the keys, or not now")
    return "it is not signed" if not said else said[-1]


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
        options = "--batch --lock-never --no-auto-check-trustdb --no-auto-key-retrieve --trust-model always"
        file.write(f'#!/bin/sh\nexec gpg --homedir "{home}" {options} "$@"\n')
    return program
