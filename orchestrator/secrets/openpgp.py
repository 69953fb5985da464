"""OpenPGP, by the program gpg: it gets what is encrypted on its standard input and answers on its standard output."""

from __future__ import annotations

import os
import subprocess

from orchestrator.secrets.age import NotForUs
from orchestrator.secrets.errors import KeyUnusable
from orchestrator.secrets.keys import Keys

LONGEST = 30.0
MOST = 1 << 16


def decrypt(message: bytes, keys: Keys) -> bytes:
    """The plain text of an armored message, at most ``MOST`` bytes. Raises NotForUs."""
    words = ["gpg", "--batch", "--no-tty", "--quiet", "--pinentry-mode", "error", "--max-output", str(MOST)]
    if keys.gnupg_home:
        words += ["--homedir", keys.gnupg_home]
    try:
        done = subprocess.run(
            [*words, "--decrypt"],
            input=message,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=LONGEST,
            check=False,
            env={name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
        )
    except FileNotFoundError:
        raise KeyUnusable("a file is encrypted with OpenPGP, and gpg is not installed", hint="install gnupg") from None
    except subprocess.TimeoutExpired:
        raise KeyUnusable(
            f"gpg took longer than {LONGEST:g} s", hint="a key without a passphrase needs no agent"
        ) from None
    if done.returncode != 0:
        raise NotForUs
    return done.stdout
