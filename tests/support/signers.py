"""Whoever signs commits and tags in tests: with keys of ssh or of OpenPGP, of which some count and others do not."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import ClassVar

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
