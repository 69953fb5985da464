"""Loading with keys: what the loader finds encrypted is decrypted in memory, and the load is made again with it.

``loaded`` gets the load as a function. So a load in a process without keys is served the same way: it says which files it needs,
and gets their plain text with the next request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from orchestrator.errors import SpecError, StackError, Where
from orchestrator.model.encrypted import Form, form_of
from orchestrator.model.stored import SCHEME, stored
from orchestrator.records import replace
from orchestrator.secrets import age, sops
from orchestrator.secrets.errors import CannotDecrypt
from orchestrator.secrets.keys import Keys
from orchestrator.secrets.sops import Decrypted
from orchestrator.secrets.stores import NO_STORES, Granted
from orchestrator.spec.load import LoadRequest
from orchestrator.spec.reading import Encrypted, Files

LARGEST = 32 * 1024 * 1024
MOST = 200  # encrypted files of one stack

T = TypeVar("T")


def loaded(
    request: LoadRequest, keys: Callable[[], Keys], load: Callable[[LoadRequest], T], stores: Granted = NO_STORES
) -> T:
    """What ``load`` makes of ``request``: every encrypted file that it asks for is decrypted by ``keys``, and every secret that is
    elsewhere fetched from ``stores``.
    """
    at_hand: Keys | None = None
    while True:
        try:
            return load(request)
        except SpecError as error:
            if error.ref != Encrypted.reference:
                raise
            at_hand = at_hand or keys()
            known = request.disk.plain
            more = {
                name: fetched(name, stores) if name.startswith(SCHEME) else decrypted(name, request.disk, at_hand)
                for name in _needed(error)
                if name not in known
            }
            if not more or len(known) + len(more) > MOST:
                raise
            request = replace(
                request,
                disk=request.disk.decrypted({path: one.data for path, one in more.items()}),
                secret_values=request.secret_values.union(*(one.values for one in more.values())),
            )


def fetched(reference: str, stores: Granted) -> Decrypted:
    """The secret that a store keeps. Raises StoreFailed."""
    data = stores.value(stored(reference))
    text = data.decode("utf-8", "replace").strip()
    return Decrypted(data, frozenset((text,) if text else ()))


def _needed(error: StackError) -> Iterator[str]:
    for one in (error, *getattr(error, "others", ())):
        if one.where is not None and one.where.file:
            yield one.where.file


def decrypted(path: str, disk: Files, keys: Keys) -> Decrypted:
    """The plain text of the file at ``path``. Raises CannotDecrypt, and Outside for what may not be read."""
    try:
        data = disk.stored(path, LARGEST + 1)
    except OSError as error:
        raise CannotDecrypt(f"an encrypted file cannot be read: {error.strerror}", where=Where(path)) from None
    if len(data) > LARGEST:
        raise CannotDecrypt(f"an encrypted file is larger than {LARGEST >> 20} MiB", where=Where(path))
    return plain(data, path, keys)


def plain(data: bytes, path: str, keys: Keys) -> Decrypted:
    """The plain text of ``data``, which stands at ``path``. Raises CannotDecrypt."""
    match form_of(data):
        case Form.SOPS:
            return sops.decrypt(data, path, keys)
        case Form.AGE:
            try:
                text = age.decrypt(data, keys.identities())
            except age.NotForUs:
                raise CannotDecrypt(
                    "no key at hand opens this file, or it was changed after it was encrypted; it is encrypted to "
                    f"{age.recipients(data)} (age does not write down whose)",
                    where=Where(path),
                    hint=f"keys were looked for in: {keys.places()}",
                ) from None
            return Decrypted(text, _words(text))
        case None:
            raise CannotDecrypt("the file is not encrypted any more: it changed meanwhile", where=Where(path))


def _words(text: bytes) -> frozenset[str]:
    """What is to be masked of a file that is secret as a whole: all of it, and the values of lines like ``NAME=value``."""
    whole = text.decode("utf-8", "replace").strip()
    values = (line.partition("=")[2].strip().strip("'\"") for line in whole.splitlines()[:1000] if "=" in line)
    return frozenset(one for one in (whole, *values) if one)
