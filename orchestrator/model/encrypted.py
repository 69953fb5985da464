"""Whether a file is encrypted: told by what is in it, never by its name.

Bytes in, the form out. Two forms are known: files of age (https://age-encryption.org, binary and armored) and files of SOPS, which
keep their shape (YAML, JSON, dotenv) and carry metadata with a message authentication code.
"""

from __future__ import annotations

import re
from enum import StrEnum

_AGE = b"age-encryption.org/v1\n"
_ARMOR = b"-----BEGIN AGE ENCRYPTED FILE-----"
_MAC = re.compile(rb"""(?m)^[ \t]+["']?mac["']?[ \t]*:[ \t]*["']?ENC\[|^sops_mac=["']?ENC\[|"mac"\s*:\s*"ENC\[""")
_SOPS = re.compile(rb"""(?m)^["']?sops["']?[ \t]*:|"sops"\s*:|^sops_version=""")


class Form(StrEnum):
    AGE = "age"
    SOPS = "SOPS"


def form_of(data: bytes) -> Form | None:
    """How ``data`` is encrypted; None where it is not."""
    if data.startswith(_AGE) or data.lstrip().startswith(_ARMOR):
        return Form.AGE
    if b"sops" in data and _SOPS.search(data) and _MAC.search(data):
        return Form.SOPS
    return None
