"""The operator's keys: where they are looked for, and what is in those files.

``Keys`` only names places; files are read when something is to be decrypted. A daemon has the keys that ``host.yml`` names and no
others; commands look where sops does.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.errors import Where
from orchestrator.model.host import Decryption
from orchestrator.records import dataclass, field
from orchestrator.secrets.errors import KeyUnusable, LibraryMissing

_SECRET = "AGE-SECRET-KEY-1"
_SSH = "-----BEGIN OPENSSH PRIVATE KEY-----"


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """``age`` are files with identities of age (or OpenSSH private keys), ``age_text`` the identities themselves.

    ``gnupg_home`` is gpg's folder, "" for the user's own where ``gnupg`` says that gpg may be asked at all. ``perhaps`` are files
    that need not be there.
    """

    age: tuple[str, ...] = ()
    age_text: str = field(default="", repr=False)
    perhaps: tuple[str, ...] = ()
    gnupg: bool = False
    gnupg_home: str = ""

    def places(self) -> str:
        """For messages: where keys were looked for."""
        there = [*self.age, *(path for path in self.perhaps if os.path.isfile(path))]
        there += ["SOPS_AGE_KEY"] if self.age_text else []
        there += [f"gpg ({self.gnupg_home or 'your keyring'})"] if self.gnupg else []
        return ", ".join(there) or "nowhere"

    def identities(self) -> list[Any]:
        """Every age identity at hand, as pyrage knows them."""
        found = list(_identities(self.age_text, "SOPS_AGE_KEY")) if self.age_text else []
        for path in self.age:
            found += _identities(_read(path), path)
        for path in self.perhaps:
            if os.path.isfile(path):
                found += _identities(_read(path), path)
        return found


NONE = Keys()


def of_user(environment: Mapping[str, str]) -> Keys:
    """The keys that sops would use for whoever has this environment."""
    named = environment.get("SOPS_AGE_KEY_FILE", "")
    home = environment.get("HOME", "")
    settings = environment.get("XDG_CONFIG_HOME") or (os.path.join(home, ".config") if home else "")
    return Keys(
        age=(named,) if named else (),
        age_text=environment.get("SOPS_AGE_KEY", ""),
        perhaps=(os.path.join(settings, "sops", "age", "keys.txt"),) if settings else (),
        gnupg=True,
        gnupg_home=environment.get("GNUPGHOME", ""),
    )


def of_host(named: Decryption) -> Keys:
    """The keys that ``host.yml`` names, and no others."""
    return Keys(age=named.age_keys, gnupg=bool(named.gnupg_home), gnupg_home=named.gnupg_home)


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.read(1 << 16)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise KeyUnusable(
            f"the key file {path} cannot be read: {reason}", hint="age-keygen -o writes one; keep it mode 0600"
        ) from None


def _identities(text: str, place: str) -> Iterator[Any]:
    try:
        from pyrage import ssh, x25519
    except ImportError:
        raise LibraryMissing("decrypting with age") from None
    try:
        if text.lstrip().startswith(_SSH):
            yield ssh.Identity.from_buffer(text.encode())
            return
        lines = [line.strip() for line in text.splitlines() if line.strip().startswith(_SECRET)]
        if not lines:
            raise KeyUnusable(
                f"{place} holds no age identity", where=Where(place), hint=f"a line that starts with {_SECRET}"
            )
        for line in lines:
            yield x25519.Identity.from_str(line)
    except KeyUnusable:
        raise
    except Exception:  # pyrage's own; its words may quote the key
        raise KeyUnusable(f"{place} holds a key that cannot be used", hint="age-keygen -o writes one") from None
