"""SOPS: files whose values are encrypted and whose keys are not (https://getsops.io).

The metadata holds a data key, encrypted to each recipient. Every value is encrypted with it (AES-256 in Galois/Counter mode), bound
to the keys that lead to it; a digest over all values, encrypted likewise, tells whether anything was added, taken away or moved.
Whether a value is encrypted is seen by its form: the rules in the metadata are not authenticated, so they decide nothing here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from orchestrator.errors import Where
from orchestrator.records import dataclass
from orchestrator.secrets import age, forms, openpgp
from orchestrator.secrets.errors import CannotDecrypt, LibraryMissing
from orchestrator.secrets.forms import Sealed, Value
from orchestrator.secrets.keys import Keys

_BASE64 = r"[A-Za-z0-9+/]*={0,2}"
_ENCRYPTED = re.compile(
    rf"ENC\[AES256_GCM,data:(?P<data>{_BASE64}),iv:(?P<iv>{_BASE64}),tag:(?P<tag>{_BASE64}),type:(?P<type>[a-z]+)\]"
)
_ONLY_ENCRYPTED = hashlib.sha256(b"sops").digest()  # what a digest over the encrypted values alone begins with
_KINDS = {
    "age": "recipient",
    "pgp": "fp",
    "kms": "arn",
    "gcp_kms": "resource_id",
    "azure_kv": "vault_url",
    "hc_vault": "vault_address",
}
_TEXT = frozenset(("str", "bytes", "time", "comment"))


@dataclass(frozen=True, slots=True)
class Decrypted:
    """``values`` are the texts of what was encrypted, for masking."""

    data: bytes
    values: frozenset[str]


def decrypt(data: bytes, file: str, keys: Keys) -> Decrypted:
    """The plain form of a SOPS file. Raises CannotDecrypt; nothing is answered unless all of it is sound."""
    sealed = forms.read(data, file)
    if not isinstance(sealed.metadata, Mapping):
        raise CannotDecrypt("the SOPS metadata is broken", where=Where(file))
    opened = _cipher(_data_key(sealed.metadata, file, keys))
    digest = hashlib.sha512()
    only = bool(sealed.metadata.get("mac_only_encrypted"))
    if only:
        digest.update(_ONLY_ENCRYPTED)
    made: list[Value | bytes | None] = []
    for path, value in sealed.leaves:
        plain = _value(opened, path, value, file)
        made.append(plain)
        if plain is not None or not only:
            digest.update(_bytes(value) if plain is None else _plain_bytes(plain))
    _check(sealed, opened, digest.hexdigest().upper(), file)
    texts = (one.text if isinstance(one, Value) else (one or b"").decode("utf-8", "replace") for one in made if one)
    return Decrypted(sealed.render(made), frozenset(text.strip() for text in texts if text.strip()))


Cipher = Callable[[Mapping[str, str], str], bytes]


def _cipher(key: bytes) -> Cipher:
    """Decrypts the parts of one ``ENC[...]``, bound to the text that goes with it."""
    try:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError:
        raise LibraryMissing("decrypting with SOPS") from None
    cipher = AESGCM(key)

    def opened(parts: Mapping[str, str], bound_to: str) -> bytes:
        try:
            data, iv, tag = (base64.b64decode(parts[name], validate=True) for name in ("data", "iv", "tag"))
            return cipher.decrypt(iv, data + tag, bound_to.encode("utf-8", "surrogateescape"))
        except InvalidTag:
            raise ValueError("changed") from None

    return opened


def _value(opened: Cipher, path: forms.Path, value: Any, file: str) -> Value | bytes | None:
    """The plain value of a leaf; None where it is not encrypted."""
    found = _ENCRYPTED.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return None
    try:
        plain = opened(found.groupdict(), ":".join(path) + ":")
    except ValueError:
        raise CannotDecrypt(
            "a value was changed, or moved, after it was encrypted",
            where=Where(file, path=".".join(path)),
            hint="encrypt the file anew from a trusted copy",
            reference="encrypted-changed",
        ) from None
    kind = found["type"]
    try:
        text = plain.decode()
    except UnicodeDecodeError:
        return plain
    if kind == "bool":
        return Value(text.lower(), is_text=False)
    return Value(text, is_text=kind in _TEXT)


def _plain_bytes(value: Value | bytes) -> bytes:
    if isinstance(value, bytes):
        return value
    text = value.text
    return (text.capitalize() if not value.is_text and text in ("true", "false") else text).encode()


def _bytes(value: Any) -> bytes:
    """A value that is not encrypted, as SOPS puts it into the digest."""
    if value is None:
        return b""
    if isinstance(value, bool):
        return b"True" if value else b"False"
    if isinstance(value, float):
        text = format(Decimal(repr(value)), "f")
        return (text.rstrip("0").rstrip(".") if "." in text else text).encode()
    return str(value).encode("utf-8", "surrogateescape")


def _check(sealed: Sealed, opened: Cipher, digest: str, file: str) -> None:
    mac = _ENCRYPTED.fullmatch(str(sealed.metadata.get("mac", "")))
    try:
        if mac is None:
            raise ValueError("no digest")
        said = opened(mac.groupdict(), str(sealed.metadata.get("lastmodified", "")))
        if not hmac.compare_digest(said, digest.encode()):
            raise ValueError("another digest")
    except ValueError:
        raise CannotDecrypt(
            "the file was changed after it was encrypted: its MAC does not fit",
            where=Where(file),
            hint="encrypt the file anew from a trusted copy; edit such files with sops alone",
            reference="encrypted-changed",
        ) from None


def _data_key(metadata: Mapping[str, Any], file: str, keys: Keys) -> bytes:
    """The key that the values are encrypted with."""
    groups = metadata.get("key_groups") or []
    if len(groups) > 1:
        raise CannotDecrypt("the data key is split over several key groups, which is not supported", where=Where(file))
    held: Mapping[str, Any] = groups[0] if groups else metadata
    try:
        for entry in held.get("age") or ():
            identities = keys.identities()
            try:
                return _whole(age.decrypt(str(entry["enc"]).encode(), identities))
            except age.NotForUs:
                continue
        for entry in (held.get("pgp") or ()) if keys.gnupg else ():
            try:
                return _whole(openpgp.decrypt(str(entry["enc"]).encode(), keys))
            except age.NotForUs:
                continue
    except (KeyError, TypeError, AttributeError, ValueError):
        raise CannotDecrypt("the SOPS metadata is broken", where=Where(file)) from None
    raise CannotDecrypt(
        f"no key at hand opens this file; it is encrypted to {_recipients(held)}",
        where=Where(file),
        hint=f"keys were looked for in: {keys.places()}",
    )


def _whole(key: bytes) -> bytes:
    if len(key) != 32:
        raise ValueError("a data key has 32 bytes")
    return key


def _recipients(held: Mapping[str, Any]) -> str:
    found = [
        f"{kind} {entry.get(name, '')}"
        for kind, name in _KINDS.items()
        for entry in held.get(kind) or ()
        if isinstance(entry, Mapping)
    ]
    shown = ", ".join(found[:10])
    return shown + (f" and {len(found) - 10} more" if len(found) > 10 else "") if found else "nobody"
