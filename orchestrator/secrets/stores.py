"""Secrets in stores elsewhere: who may ask which, and the last values, in memory.

``Stores`` is the operator's, one for a process; ``Granted`` is what one source or stack may ask of it. A value is asked for again
when ``refresh`` has passed; while its store is away the last one goes on being used. No error has a value in it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping

from orchestrator.errors import StackError, Where
from orchestrator.model.host import SecretStore
from orchestrator.model.stored import Stored, stored
from orchestrator.records import dataclass, field
from orchestrator.secrets.errors import StoreFailed
from orchestrator.secrets.providers import Provider, provider

AGAIN = 30.0  # seconds until a store that failed is asked again, at most


@dataclass(slots=True, repr=False)
class _Kept:
    value: bytes | None = None
    version: int = 0
    due: float = 0.0
    trouble: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)


class Stores:
    """The stores of a host. ``say`` is told when a store fails whose values are still used, and when it is back."""

    def __init__(
        self,
        declared: Mapping[str, SecretStore],
        environment: Mapping[str, str],
        *,
        monotonic: Callable[[], float] = time.monotonic,
        say: Callable[[str], None] = lambda _text: None,
    ) -> None:
        self._environment, self._monotonic, self._say = environment, monotonic, say
        self._lock = threading.Lock()
        self._declared: dict[str, SecretStore] = {}
        self._providers: dict[str, Provider] = {}
        self._kept: dict[Stored, _Kept] = {}
        self.declare(declared)

    def declare(self, declared: Mapping[str, SecretStore]) -> None:
        """These are the stores from now on. What came from one that has changed is asked for anew."""
        with self._lock:
            changed = {name for name in self._declared if self._declared[name] != declared.get(name)}
            self._declared = dict(declared)
            self._providers = {name: one for name, one in self._providers.items() if name not in changed}
            for where, kept in self._kept.items():
                if where.store in changed:
                    kept.due = 0.0

    def granted(self, names: Collection[str] | None) -> Granted:
        """What may be asked by whoever was granted these stores; None for all of them."""
        return Granted(self, names)

    def kept(self, where: Stored) -> _Kept:
        """The value at hand, asked for anew where it is due. Raises StoreFailed where there is none."""
        with self._lock:
            kept = self._kept.setdefault(where, _Kept())
        with kept.lock:
            now = self._monotonic()
            if kept.due <= now:
                self._fetch(where, kept, now)
            if kept.value is None:
                raise _failed(where, kept.trouble)
            return kept

    def _fetch(self, where: Stored, kept: _Kept, now: float) -> None:
        store = self._declared.get(where.store)
        refresh = store.refresh if store is not None else AGAIN
        try:
            value = self._provider(where).value(where.path, where.key)
        except StackError as problem:
            if kept.value is not None and not kept.trouble:
                self._say(f"{where}: {problem.message}; the last value goes on being used")
            kept.trouble, kept.due = problem.message, now + min(refresh, AGAIN)
            return
        if kept.trouble and kept.value is not None:
            self._say(f"{where}: can be had again")
        if value != kept.value:
            kept.value, kept.version = value, kept.version + 1
        kept.trouble, kept.due = "", now + refresh

    def _provider(self, where: Stored) -> Provider:
        with self._lock:
            store = self._declared.get(where.store)
            if store is None:
                raise StoreFailed(f"there is no secret store {where.store}")
            if where.store not in self._providers:
                self._providers[where.store] = provider(store, self._environment)
            return self._providers[where.store]


class Granted:
    """Those of the stores that one may ask."""

    def __init__(self, stores: Stores, names: Collection[str] | None) -> None:
        self._stores, self._names = stores, names

    def value(self, where: Stored) -> bytes:
        """The secret. Raises StoreFailed."""
        if self._names is not None and where.store not in self._names:
            raise StoreFailed(
                f"the store {where.store} is not granted here",
                where=Where(str(where)),
                hint="the operator grants it in host.yml: `secret_stores: [...]` of the source",
                reference="store-not-granted",
            )
        value = self._stores.kept(where).value
        assert value is not None
        return value

    def versions(self, references: Iterable[str]) -> dict[str, int]:
        """A number for each secret that changes with its value; what is due is asked for anew."""
        found = {}
        for text in references:
            try:
                found[text] = self._stores.kept(stored(text)).version
            except StoreFailed:
                found[text] = 0
        return found


def _failed(where: Stored, trouble: str) -> StoreFailed:
    return StoreFailed(
        f"the secret cannot be had: {trouble}",
        where=Where(str(where)),
        hint="host.yml: `secret_stores` describes the store",
    )


NO_STORES = Stores({}, {}).granted(None)
