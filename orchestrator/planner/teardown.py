"""Taking away: containers that should not be, then the networks, volumes and images that went with them.

Containers of dependents go before those they depend on. Volumes go only with the user's own word, and nothing that is not
this stack's goes at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestrator import graph
from orchestrator.model import naming, shipment
from orchestrator.model.actions import DropSecrets, RemoveImage, RemoveNetwork, RemoveVolume
from orchestrator.model.observed import ObservedContainer, ObservedNetwork
from orchestrator.planner import networks
from orchestrator.planner.containers import Workshop
from orchestrator.planner.draft import Id
from orchestrator.planner.policy import RemoveImages
from orchestrator.planner.situation import Situation
from orchestrator.planner.verdicts import Remove
from orchestrator.planner.volumes import refuse_protected, users


class Teardown:
    """Adds the removing steps of a plan."""

    def __init__(self, situation: Situation, workshop: Workshop) -> None:
        self.situation, self.workshop, self.draft = situation, workshop, workshop.draft

    # Containers

    def containers(self, removals: Iterable[Remove]) -> None:
        """Stop and remove, dependents first; what is removed does not wait for the removal, only for the stop.

        What is to go for two reasons goes once.
        """
        by_service: dict[str, list[Remove]] = {}
        seen: set[str] = set()
        for remove in removals:
            if remove.container.id in seen:
                continue
            seen.add(remove.container.id)
            by_service.setdefault(remove.container.service, []).append(remove)
        dependents = graph.dependents(self.situation.edges)
        stops: dict[str, list[Id]] = {}
        for name in self._dependents_first(by_service):
            before = [step for other in dependents.get(name, ()) for step in stops.get(other, ())]
            stops[name] = [step for remove in by_service[name] for step in self._container(remove, before)]

    def _dependents_first(self, by_service: Mapping[str, list[Remove]]) -> list[str]:
        known = [name for name in reversed(graph.order(self.situation.edges)) if name in by_service]
        return sorted(by_service.keys() - set(known)) + known

    def _container(self, remove: Remove, before: Iterable[Id]) -> list[Id]:
        container = remove.container
        service = self.situation.desired.services.get(container.service) if not container.oneoff else None
        group = f"remove {_label(container)}"
        stopped = self.workshop.stop(container, service, after=before, reason=remove.reason, group=group)
        policy = self.situation.policy
        gone = self.workshop.remove(
            container,
            after=before if stopped is None else [stopped],
            reason=remove.reason,
            group=group,
            volumes=policy.remove_volumes and policy.destroy_data,
        )
        return [gone if stopped is None else stopped]

    # Networks

    def networks(self) -> None:
        """All of the stack's networks on the way down; otherwise those that another one has taken the place of, and those that
        came with what was gone back from.
        """
        going = (
            self._going() if self.situation.policy.remove_networks else [*self._superseded(), *self._gone_back_from()]
        )
        for network, reason in going:
            self._network(network, reason)

    def _going(self) -> list[tuple[ObservedNetwork, str]]:
        policy, desired = self.situation.policy, self.situation.desired
        keys = {key for key, network in desired.networks.items() if not network.external}
        found = []
        for network in sorted(self.situation.observed.networks, key=lambda n: (n.name, n.created_at, n.id)):
            known = network.key in keys
            if network.owned and (known or (policy.remove_orphans and policy.targets is None)):
                found.append((network, "the stack goes down"))
        return found

    def _superseded(self) -> list[tuple[ObservedNetwork, str]]:
        used = {key for service in self.situation.wanted for key in service.container.networks}
        wanted = [network for key, network in sorted(self.situation.desired.networks.items()) if key in used]
        return [
            (left, "a twin of it is in use" if left.name == network.name else f"{network.name} has taken its place")
            for network in wanted
            for left in networks.leftovers(self.situation.observed, network)
        ]

    def _gone_back_from(self) -> list[tuple[ObservedNetwork, str]]:
        going = self.situation.policy.gone_networks - self.situation.desired.networks.keys()
        names = {network.name for network in self.situation.desired.networks.values()}
        return [
            (network, "its version was gone back from")
            for network in sorted(self.situation.observed.networks, key=lambda n: (n.name, n.id))
            if network.owned and network.key in going and network.name not in names
        ]

    def _network(self, network: ObservedNetwork, reason: str) -> None:
        inside = [c for c in self.situation.everything if any(e.network_id == network.id for e in c.endpoints)]
        strangers = set(network.attached) - {container.id for container in inside}
        leaving = {container.id: self._leaves(container, network) for container in inside}
        staying = sorted(c.name for c in inside if leaving[c.id] is None)
        if strangers or staying:
            names = ", ".join(staying + sorted(container[:12] for container in strangers))
            self.draft.warn(f'network "{network.name}" stays: it is used by {names}', reference="network-in-use")
            return
        action = RemoveNetwork(name=network.name, id=network.id)
        self.draft.add(action, reason, after=leaving.values(), group=f"network {network.name}")

    def _leaves(self, container: ObservedContainer, network: ObservedNetwork) -> Id | None:
        """The step after which the container is no longer attached."""
        if container.id in self.workshop.removals:
            return self.workshop.removals[container.id]
        return self.workshop.departures.get((container.id, network.id))

    # Volumes

    def volumes(self) -> None:
        """Named volumes of the stack, with consent alone. One that the file no longer has is nobody's to remove."""
        policy = self.situation.policy
        if not policy.remove_networks:
            self._say_what_is_left()
        if not policy.remove_volumes:
            return
        for volume in sorted(self.situation.observed.volumes, key=lambda v: v.name):
            wanted = self.situation.desired.volumes.get(volume.key)
            if wanted is None or wanted.name != volume.name or wanted.external or self._is_wanted(volume.name):
                continue
            if not volume.owned:
                text = f'volume "{volume.name}" stays: it was not created by this stack'
                self.draft.warn(text, reference="foreign-volume")
            elif not policy.destroy_data:
                text = f'volume "{volume.name}" stays: removing it would lose its data'
                self.draft.warn(text, reference="volume-kept")
            elif wanted.protect:
                refuse_protected(self.situation, self.draft, wanted, "removed")
            else:
                self._volume(volume.name)

    def _say_what_is_left(self) -> None:
        known = {volume.name for volume in self.situation.desired.volumes.values()}
        for volume in sorted(self.situation.observed.volumes, key=lambda v: v.name):
            if not volume.owned or not volume.key or volume.name in known or shipment.is_volume(volume.name):
                continue
            mounting = users(self.situation.observed, volume.name)
            if mounting and all(user in self.workshop.removals for user in mounting):
                text = f'volume "{volume.name}" stays with its data, although the file no longer has it'
                self.draft.info(text, reference="volume-kept")

    def _is_wanted(self, name: str) -> bool:
        """Whether a service that goes on mounts it."""
        return any(m.source == name for s in self.situation.wanted for m in s.container.mounts)

    def _volume(self, name: str) -> None:
        after = {user: self.workshop.removals.get(user) for user in users(self.situation.observed, name)}
        if any(step is None for step in after.values()):
            self.draft.warn(f'volume "{name}" stays: a container still uses it', reference="volume-in-use")
            return
        self.draft.add(RemoveVolume(name=name), "asked for", after=after.values(), group=f"volume {name}")

    def copies(self) -> None:
        """Volumes with copies that no container mounts any more. There is no data in them, so they need no consent."""
        for volume in sorted(self.situation.observed.volumes, key=lambda v: v.name):
            if not volume.owned or not shipment.is_volume(volume.name) or volume.name in self.workshop.supplies.copies:
                continue
            users = [c for c in self.situation.everything if volume.name in c.copies]
            after = [self.workshop.removals.get(container.id) for container in users]
            if None not in after:
                action = RemoveVolume(name=volume.name)
                self.draft.add(action, "no container reads these copies", after=after, group=f"volume {volume.name}")

    def secrets(self) -> None:
        """Secrets in memory that no container reads any more."""
        for folder in sorted(self.situation.observed.secret_folders - self.workshop.supplies.secrets.keys()):
            users = [c for c in self.situation.everything if folder in c.copies]
            after = [self.workshop.removals.get(container.id) for container in users]
            if None not in after:
                action = DropSecrets(stack=self.situation.desired.name, folder=folder)
                self.draft.add(action, "no container reads them", after=after, group=f"secrets {folder}")

    # Images

    def images(self) -> None:
        """Images of the services that go: all of them, or only those built without a name of their own."""
        which = self.situation.policy.remove_images
        if which is RemoveImages.NONE:
            return
        wanted = {service.container.image for service in self.situation.wanted}
        for service in self.situation.services:
            reference = service.container.image
            own = reference == naming.image(
                self.situation.desired.name, service.name, separator=self.situation.desired.separator
            )
            if reference in wanted or reference not in self.situation.observed.images:
                continue
            if which is RemoveImages.ALL or own:
                wanted.add(reference)
                self._image(reference)

    def _image(self, reference: str) -> None:
        image = self.situation.observed.images[reference]
        users = [c for c in self.situation.everything if c.image_id == image.id]
        after = [self.workshop.removals.get(container.id) for container in users]
        if any(step is None for step in after):
            self.draft.warn(f'image "{reference}" stays: a container still uses it', reference="image-in-use")
            return
        self.draft.add(RemoveImage(reference=reference), "asked for", after=after, group=f"image {reference}")


def _label(container: ObservedContainer) -> str:
    return f"{container.service}.{container.slot}" if container.service and container.slot else container.name
