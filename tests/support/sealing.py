"""Encrypted files for tests, written by the programs age and gpg, and SOPS files by a writer of our own.

The writer knows SOPS' format from its description alone and shares no code with what reads it: the data key is encrypted by the
programs, each value and the digest by AES-GCM.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from scripts.machine import packages

MOMENT = "2026-01-02T03:04:05Z"


def run(*words: str, stdin: bytes = b"") -> bytes:
    done = subprocess.run(words, input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


class AgeKey:
    """A pair of keys made by age-keygen: ``file`` holds the identity."""

    def __init__(self, file: Path) -> None:
        packages.have(packages.SECRETS)
        self.file = file
        run("age-keygen", "-o", str(file))
        self.identity = next(line for line in file.read_text().splitlines() if line.startswith("AGE-SECRET-KEY"))
        self.recipient = run("age-keygen", "-y", str(file)).decode().strip()


def age(data: bytes | str, *recipients: AgeKey, armor: bool = False) -> bytes:
    words = ["age", *(["--armor"] if armor else [])]
    for one in recipients:
        words += ["-r", one.recipient]
    return run(*words, stdin=data.encode() if isinstance(data, str) else data)


class PgpKey:
    """A key in a gpg folder of its own."""

    def __init__(self, home: Path) -> None:
        packages.have(packages.SECRETS)
        self.home = home
        home.mkdir(mode=0o700)
        self._gpg(
            "--passphrase", "", "--quick-generate-key", "tester <tester@example.org>", "default", "default", "never"
        )
        listed = self._gpg("--with-colons", "--list-keys").decode()
        self.fingerprint = next(line.split(":")[9] for line in listed.splitlines() if line.startswith("fpr"))

    def encrypt(self, data: bytes) -> str:
        return self._gpg("--armor", "--trust-model", "always", "-r", self.fingerprint, "--encrypt", stdin=data).decode()

    def _gpg(self, *words: str, stdin: bytes = b"") -> bytes:
        return run("gpg", "--homedir", str(self.home), "--batch", "--quiet", *words, stdin=stdin)

    def close(self) -> None:
        run("gpgconf", "--homedir", str(self.home), "--kill", "all")
        shutil.rmtree(self.home, ignore_errors=True)


@contextmanager
def pgp_key(folder: Path) -> Iterator[PgpKey]:
    """A key whose agent is gone afterwards. Paths of sockets are short: ``folder`` should be as well."""
    key = PgpKey(folder)
    try:
        yield key
    finally:
        key.close()


class Sealer:
    """One SOPS file: a data key, encrypted to recipients, and the running digest."""

    def __init__(self, *recipients: AgeKey | PgpKey, only_encrypted: bool = False) -> None:
        self.key = os.urandom(32)
        self.digest = hashlib.sha512(hashlib.sha256(b"sops").digest() if only_encrypted else b"")
        self.only_encrypted = only_encrypted
        self.recipients = recipients

    def seal(self, text: bytes, path: Sequence[str], kind: str) -> str:
        self.digest.update(text)
        return self._encrypt(text, ":".join(path) + ":", kind) if text else ""

    def leaf(self, value: Any, path: Sequence[str]) -> Any:
        if any(part.endswith("_unencrypted") for part in path):
            if not self.only_encrypted:
                self.digest.update(_plain(value))
            return value
        kind = {bool: "bool", int: "int", float: "float", str: "str", bytes: "bytes"}[type(value)]
        return self.seal(_plain(value), path, kind)

    def tree(self, value: Any, path: tuple[str, ...] = ()) -> Any:
        if isinstance(value, Mapping):
            return {key: self.tree(below, (*path, key)) for key, below in value.items()}
        if isinstance(value, list):
            return [self.tree(below, path) for below in value]
        return value if value is None else self.leaf(value, path)

    def metadata(self) -> dict[str, Any]:
        made: dict[str, Any] = {"age": [], "pgp": []}
        for one in self.recipients:
            if isinstance(one, AgeKey):
                enc = age(self.key, one, armor=True).decode()
                made["age"].append({"recipient": one.recipient, "enc": enc})
            else:
                made["pgp"].append({"created_at": MOMENT, "enc": one.encrypt(self.key), "fp": one.fingerprint})
        made |= {"lastmodified": MOMENT, "mac": self._encrypt(self.digest.hexdigest().upper().encode(), MOMENT, "str")}
        made["unencrypted_suffix"] = "_unencrypted"
        if self.only_encrypted:
            made["mac_only_encrypted"] = True
        return {**made, "version": "3.9.0"}

    def _encrypt(self, text: bytes, bound_to: str, kind: str) -> str:
        iv = os.urandom(32)
        sealed = AESGCM(self.key).encrypt(iv, text, bound_to.encode())
        data, tag = sealed[:-16], sealed[-16:]
        parts = {"data": data, "iv": iv, "tag": tag}
        said = ",".join(f"{name}:{base64.b64encode(part).decode()}" for name, part in parts.items())
        return f"ENC[AES256_GCM,{said},type:{kind}]"


def _plain(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return b"True" if value else b"False"
    return str(value).encode()


def sops_yaml(value: Mapping[str, Any], *recipients: AgeKey | PgpKey, only_encrypted: bool = False) -> bytes:
    sealer = Sealer(*recipients, only_encrypted=only_encrypted)
    made = sealer.tree(value)
    return "\n".join(_yaml({**made, "sops": sealer.metadata()})).encode() + b"\n"


def sops_json(value: Mapping[str, Any], *recipients: AgeKey | PgpKey) -> bytes:
    sealer = Sealer(*recipients)
    made = sealer.tree(value)
    return json.dumps({**made, "sops": sealer.metadata()}, indent="\t").encode() + b"\n"


def sops_binary(data: bytes, *recipients: AgeKey | PgpKey) -> bytes:
    sealer = Sealer(*recipients)
    made = sealer.seal(data, ["data"], "str")
    return json.dumps({"data": made, "sops": sealer.metadata()}, indent="\t").encode()


def sops_dotenv(value: Mapping[str, str], *recipients: AgeKey | PgpKey) -> bytes:
    sealer = Sealer(*recipients)
    lines = [f"{key}={sealer.leaf(text, [key])}" for key, text in value.items()]
    for key, said in sealer.metadata().items():
        if isinstance(said, list):
            for index, entry in enumerate(said):
                lines += [f"sops_{key}__list_{index}__map_{name}={_flat(text)}" for name, text in entry.items()]
        else:
            lines.append(f"sops_{key}={_flat(said)}")
    return "\n".join(lines).encode() + b"\n"


def _flat(text: Any) -> str:
    return str(text).lower() if isinstance(text, bool) else str(text).replace("\n", "\\n")


def _yaml(node: Any, indent: int = 0) -> list[str]:
    """Block style, as SOPS writes it: values that are encrypted plain, other texts in quotes, long ones as a block."""
    pad, lines = " " * indent, []
    items = node.items() if isinstance(node, Mapping) else enumerate(node)
    for key, value in items:
        head = f"{pad}{key}:" if isinstance(node, Mapping) else f"{pad}-"
        if isinstance(value, Mapping | list) and value:
            lines += [head, *_yaml(value, indent + 4)]
        elif isinstance(value, str) and value.startswith("-----BEGIN"):
            lines += [f"{head} |", *(f"{pad}    {line}" for line in value.rstrip("\n").split("\n"))]
        elif isinstance(value, str) and value.startswith("ENC["):
            lines.append(f"{head} {value}")
        else:
            lines.append(f"{head} {json.dumps(value)}")
    return lines
