"""What carrying out an action needs at hand: the client, the shared event subscription, and what is known of images.

One ``Access`` lives in one ``DockerEngine``; everything in it may be used by many threads. That of a guarded engine shares the
subscription of the ``whole`` one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.cancel import CancelToken
from orchestrator.engines.base import Progress
from orchestrator.engines.docker.client import Client
from orchestrator.engines.docker.wire import quote
from orchestrator.errors import ImageUnavailable, NotFound
from orchestrator.model.actions import ContainerRef
from orchestrator.model.observed import ObservedState
from orchestrator.model.values import SECOND

if TYPE_CHECKING:
    from orchestrator.engines.docker.changes import Subscription


class Access:
    def __init__(self, client: Client, whole: Access | None = None) -> None:
        self.client = client
        self._whole = whole
        self.create_network_lock: threading.Lock = whole.create_network_lock if whole else threading.Lock()
        self._images: dict[str, str] = {}
        self._engine_id = ""
        self._graces: dict[str, int | None] = {}
        self._subscription: Subscription | None = None
        self._lock = threading.Lock()

    @property
    def environment(self) -> Mapping[str, str]:
        return self.client.environment

    def subscription(self) -> Subscription:
        """The one subscription to container events, begun with the first wait."""
        if self._whole is not None:
            return self._whole.subscription()
        from orchestrator.engines.docker import changes  # only waits need it

        with self._lock:
            if self._subscription is None:
                self._subscription = changes.subscribe(self.client, {"type": ["container"]})
            return self._subscription

    def engine_id(self) -> str:
        """What tells this engine from others, however it is reached."""
        if not self._engine_id:
            self._engine_id = str(self.client.get_json("/info").get("ID") or "")
        return self._engine_id

    def image_id(self, reference: str) -> str:
        """The id behind a reference, remembered until the reference is pulled, built or removed through us."""
        known = self._images.get(reference)
        if known is None:
            try:
                known = str(self.client.get_json(f"/images/{quote(reference)}/json")["Id"])
            except NotFound as problem:
                raise missing_image(reference) from problem
            self._images[reference] = known
        return known

    def know(self, state: ObservedState) -> None:
        """Take over what an observation has just told, to ask for less later."""
        self._engine_id = state.engine.id
        self._images = {name: image.id for name, image in state.images.items()}
        known = ((container.id, container.settings) for container in state.containers)
        self._graces |= {key: settings.stop_grace_period_ns for key, settings in known if settings is not None}

    def grace_seconds(self, ref: ContainerRef) -> float | None:
        """How long the container itself wants to be given for its end; None where it does not say."""
        if ref.id in self._graces:
            nanoseconds = self._graces[ref.id]
            return None if nanoseconds is None else nanoseconds / SECOND
        seconds = (self.inspect(ref).get("Config") or {}).get("StopTimeout")
        return None if seconds is None else float(seconds)

    def forget_image(self, reference: str) -> None:
        self._images.pop(reference, None)

    def inspect(self, ref: ContainerRef) -> Mapping[str, Any]:
        """The engine's answer about a container. Raises NotFound."""
        found: Mapping[str, Any] = self.client.get_json(f"/containers/{quote(ref.target)}/json")
        return found

    def close(self) -> None:
        with self._lock:
            subscription, self._subscription = self._subscription, None
        if subscription is not None:
            subscription.close()


Execute = Callable[[Access, Any, Progress, CancelToken], str]


def missing_image(reference: str) -> ImageUnavailable:
    return ImageUnavailable(
        f'image "{reference}" is not on this engine',
        hint="pull it (`stack pull`), build it (`stack build`), or set pull_policy: missing",
        status=404,
    )
