"""One stack on a real engine, driven by actions alone: the adapter without loader, planner or executor around it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestrator.cancel import CancelToken
from orchestrator.engines.docker.client import Client
from orchestrator.engines.docker.engine import DockerEngine
from orchestrator.model import naming, shipment
from orchestrator.model.actions import (
    Action,
    ContainerRef,
    CreateContainer,
    CreateNetwork,
    CreateVolume,
    ShipFiles,
    StartContainer,
)
from orchestrator.model.container import Container
from orchestrator.model.difference import differences
from orchestrator.model.observed import ObservedContainer, ObservedState, Scope
from orchestrator.model.plan import Difference
from orchestrator.model.stack import AddressPool, Network, Service, Stack, Volume
from orchestrator.model.values import Attachment

from .engines import Engine

IMAGE = "busybox:stable"
SLEEP = ("sleep", "100000")
FINGERPRINT = "f" * 64


class World:
    """``do`` carries out an action, ``observe`` looks; the rest makes usual objects with the usual labels."""

    def __init__(self, engine: Engine, stack: str) -> None:
        self.engine = engine
        self.stack = stack
        self.adapter = DockerEngine(Client.from_environment({"DOCKER_HOST": engine.address}))
        self.said: list[str] = []
        self.cancel = CancelToken()

    def do(self, action: Action) -> str:
        return self.adapter.execute(action, progress=lambda text, *_: self.said.append(text), cancel=self.cancel)

    def observe(self, **scope: Iterable[str]) -> ObservedState:
        names = {kind: frozenset(given) for kind, given in scope.items()}
        images = names.pop("images", frozenset({IMAGE}))
        return self.adapter.observe(Scope(stack=self.stack, images=images, **names))

    def network(self, key: str = "default", **settings: object) -> str:
        labels = {naming.PROJECT: self.stack, naming.NETWORK: key}
        name = f"{self.stack}_{key}"
        self.do(CreateNetwork(network=Network(key=key, name=name, labels=labels, **settings)))  # type: ignore[arg-type]
        return name

    def subnet(self, key: str, subnet: str) -> str:
        return self.network(key, ipam=(AddressPool(subnet=subnet),))

    def volume(self, key: str = "data", **settings: object) -> str:
        labels = {naming.PROJECT: self.stack, naming.VOLUME: key}
        name = f"{self.stack}_{key}"
        self.do(CreateVolume(volume=Volume(key=key, name=name, labels=labels, **settings)))  # type: ignore[arg-type]
        return name

    def ref(self, service: str = "web", slot: int = 1) -> ContainerRef:
        return ContainerRef(naming.container(self.stack, service, slot), service=service, slot=slot)

    def labels(self, service: str = "web", slot: int = 1, fingerprint: str = FINGERPRINT) -> dict[str, str]:
        return {
            naming.PROJECT: self.stack,
            naming.SERVICE: service,
            naming.NUMBER: str(slot),
            naming.ONEOFF: "False",
            naming.FINGERPRINT: fingerprint,
        }

    def creation(
        self,
        settings: Container,
        service: str = "web",
        networks: Mapping[str, Attachment] | None = None,
        fingerprint: str = FINGERPRINT,
    ) -> CreateContainer:
        return CreateContainer(
            container=self.ref(service),
            settings=settings,
            networks=networks or {},
            labels=self.labels(service, fingerprint=fingerprint),
            copies=self._copies(settings, service),
        )

    def shipping(self, settings: Container, service: str = "web") -> ShipFiles:
        """The action that makes the copies which ``settings`` need."""
        labels = {naming.PROJECT: self.stack, naming.SERVICE: service}
        copied = shipment.copied(settings)
        return ShipFiles(
            volume=self._copies(settings, service), service=service, image=IMAGE, files=copied, labels=labels
        )

    def _copies(self, settings: Container, service: str) -> str:
        return shipment.volume(Stack(name=self.stack, key=b"k"), Service(name=service, container=settings))

    def create(
        self, settings: Container, service: str = "web", networks: Mapping[str, Attachment] | None = None
    ) -> ContainerRef:
        self.do(self.creation(settings, service, networks))
        return self.ref(service)

    def run(
        self, settings: Container, service: str = "web", networks: Mapping[str, Attachment] | None = None
    ) -> ContainerRef:
        ref = self.create(settings, service, networks)
        self.do(StartContainer(container=ref))
        return ref

    def container(self, service: str = "web") -> ObservedContainer:
        """The service's only container."""
        [found] = self.observe().of_service(service)
        return found

    def differences(self, settings: Container, service: str = "web") -> tuple[Difference, ...]:
        """What a plan would find to mend in the service's container; networks are compared by the planner."""
        state = self.observe()
        [found] = state.of_service(service)
        assert found.settings is not None
        engine = state.engine.defaults
        return differences(settings, found.settings, found.image_defaults, engine=engine, networks=False)

    def close(self) -> None:
        self.adapter.close()
        self.engine.remove_project(self.stack)


def sleeping(**settings: object) -> Container:
    """A container that waits, and ends at once when asked to."""
    return Container(**{"image": IMAGE, "command": SLEEP, "stop_signal": "SIGKILL", **settings})  # type: ignore[arg-type]


def shell(script: str, **settings: object) -> Container:
    return sleeping(command=("sh", "-c", script), **settings)
