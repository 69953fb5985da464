"""The keys and stores that somebody may use, with which loads are made. What opens anything is imported when there is something."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from orchestrator.records import dataclass

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.secrets.keys import Keys
    from orchestrator.secrets.stores import Granted
    from orchestrator.spec.load import LoadRequest

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    keys: Callable[[], Keys]
    stores: Granted

    def loaded(self, request: LoadRequest, load: Callable[[LoadRequest], T]) -> T:
        """What ``load`` makes of ``request``, with what is encrypted or elsewhere opened."""
        from orchestrator.secrets import decrypting

        return decrypting.loaded(request, self.keys, load, self.stores)
