"""Judging one container against the wish: reasons to replace it, and what can be mended in place.

Everything that decides comes from the engine's own answer, field by field; labels alone never condemn a container.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from orchestrator.model import canonical, difference, fingerprint, naming, shipment
from orchestrator.model.actions import UpdateContainer
from orchestrator.model.observed import Endpoint, ObservedContainer
from orchestrator.model.plan import Difference
from orchestrator.model.stack import Service
from orchestrator.model.values import Attachment, FileGrant
from orchestrator.planner.networks import Place
from orchestrator.planner.situation import Situation, peers, ref
from orchestrator.planner.verdicts import NOTHING, Mends, Replace, Restore, ServiceVerdict
from orchestrator.records import dataclass, replace


@dataclass(frozen=True, slots=True)
class Judgement:
    """``reasons`` condemn the container; without any, ``mends`` put it right."""

    container: ObservedContainer
    reasons: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    mends: Mends = NOTHING

    @property
    def right(self) -> bool:
        return not self.reasons


class Judge:
    """Judges the containers of one service. ``before`` are the verdicts on the services it depends on."""

    def __init__(
        self,
        situation: Situation,
        service: Service,
        places: Mapping[str, Place],
        before: Mapping[str, ServiceVerdict],
    ) -> None:
        self.situation, self.service, self.places, self.before = situation, service, places, before
        self.peers = peers(service)
        self.wanted = canonical.canonical(service.container)
        self.wanted.pop("networks", None)  # compared by the engine's ids instead

    def judge(self, container: ObservedContainer) -> Judgement:
        settings = self._settings(container)
        lasting = tuple(d for d in settings if not d.in_place)
        image = self._image(container)
        files = self._files(container)
        reasons = (
            *(("it carries no labels of this stack yet",) if container.adopted else ()),
            *self._image_reason(image),
            *(difference.words for difference in lasting),
            *files,
            *self._peers(container),
        )
        if reasons:
            return Judgement(container, reasons, (*image, *settings))
        return Judgement(container, mends=self._mends(container, settings))

    def _settings(self, container: ObservedContainer) -> tuple[Difference, ...]:
        if container.settings is None:
            return ()
        found = difference.between(
            self.wanted,
            replace(container.settings, networks={}) if container.settings.networks else container.settings,
            container.image_defaults,
            secrets=self.situation.desired.secret_values,
            engine=self.situation.engine_defaults,
        )
        found = tuple(one for one in found if not self._is_ignored(one.path))
        if not container.fingerprint:
            return tuple(d for d in found if not _only_volumes_mode(d, found))
        return tuple(d for d in found if not is_discarded(d, container))

    def _is_ignored(self, path: str) -> bool:
        patterns = self.situation.policy.ignore
        return bool(patterns) and any(fnmatchcase(f"{self.service.name}.{path}", pattern) for pattern in patterns)

    def _image(self, container: ObservedContainer) -> tuple[Difference, ...]:
        if self._is_ignored("image"):
            return ()
        wanted, present = self.service.container.image, self.situation.image(self.service)
        if present is None:
            same = not wanted or not container.image or _tagged(wanted) == _tagged(container.image)
            return () if same else (Difference("image", container.image, wanted),)
        if not container.image_id or container.image_id == present.id:
            return ()
        if _tagged(wanted) == _tagged(container.image):
            return (Difference("image", _short(container.image_id), _short(present.id)),)
        return (Difference("image", container.image, wanted),)

    def _image_reason(self, found: tuple[Difference, ...]) -> tuple[str, ...]:
        if not found:
            return ()
        if found[0].after == self.service.container.image:
            return (f"image changed {found[0].before} -> {found[0].after}",)
        return (f"image {self.service.container.image} is now another ({found[0].before} -> {found[0].after})",)

    def _files(self, container: ObservedContainer) -> tuple[str, ...]:
        """Configs and secrets by the digests of their contents; bind-mounted files by whether they still are the same."""
        grants = {grant.target: grant for grant in self.service.container.files}
        reasons = []
        same = set()
        for target, grant in sorted(grants.items()):
            verdict = self._same_file(container, grant)
            if verdict is False:
                reasons.append(f"{grant.kind.value} {grant.name} changed")
            elif verdict:
                same.add(target)
        reasons += [] if reasons else self._copies(container)
        reasons += [
            f"bind-mounted file {target} was replaced"
            for target in container.replaced_files
            if target not in same and not (target in grants and reasons)
        ]
        return tuple(reasons)

    def _copies(self, container: ObservedContainer) -> list[str]:
        """What digests do not tell: copies that are given to nobody any more, or to somebody else."""
        desired, service = self.situation.desired, self.service
        wanted = {shipment.volume(desired, service), shipment.folder(desired, service)} - {""}
        if not container.fingerprint:
            return []
        gone = sorted(container.files.keys() - {grant.target for grant in self.service.container.files})
        if gone:
            return [f"{target} is given no more" for target in gone]
        if wanted <= set(container.copies):
            return []
        folders = {name for name in container.copies if shipment.is_folder(name)}
        if folders - self.situation.observed.secret_folders and not container.running:
            return ["its secrets are in memory no more"]
        grants = self.service.container.files
        known = [self._same_file(container, grant) for grant in grants if grant.copied]
        if not all(known):
            return []
        moved = any(map(shipment.is_folder, wanted)) != any(map(shipment.is_folder, container.copies))
        if not moved and self._has_their_owners(container):
            return []  # made with another key, which their names tell; it is what is in them that counts
        return ["the place of its secrets changed" if moved else "owner or mode of its files changed"]

    def _has_their_owners(self, container: ObservedContainer) -> bool:
        copied = [grant for grant in self.service.container.files if grant.copied]
        owners = container.owners
        return all(owners.get(g.target) == shipment.owner(g) or (g.shipped and g.target in owners) for g in copied)

    def _same_file(self, container: ObservedContainer, grant: FileGrant) -> bool | None:
        if not grant.digest:
            return None
        known = container.files.get(grant.target)
        if known is None:
            # One of ours without this digest was made without the file; an adopted one may well have it.
            return False if container.fingerprint and not grant.source else None
        return fingerprint.same_content(known, grant.digest)

    def goes_back(self) -> bool:
        """Whether one that it shares with goes back to the container before."""
        return any(
            isinstance(slot.verdict, Restore)
            for name in self.peers
            if name in self.before
            for slot in self.before[name].slots[:1]
        )

    def shares_rightly(self, container: ObservedContainer) -> bool:
        return not any(self._follows(container, name) for name in self.peers)

    def _peers(self, container: ObservedContainer) -> tuple[str, ...]:
        """A container that shares namespaces or volumes with one that is replaced has to follow it."""
        return tuple(
            f"it shares with {name}, which is replaced" for name in self.peers if self._follows(container, name)
        )

    def _follows(self, container: ObservedContainer, name: str) -> bool:
        verdict = self.before.get(name)
        if verdict is None or not verdict.slots:
            return False
        lowest = verdict.slots[0]
        if lowest.final is None:
            return True
        if name in container.peers:
            return container.peers[name] != lowest.final.id
        return isinstance(lowest.verdict, Replace) and container.created_at < lowest.final.created_at

    def _mends(self, container: ObservedContainer, settings: tuple[Difference, ...]) -> Mends:
        changed = tuple(d for d in settings if d.in_place)
        restart = any(d.path == "restart" for d in changed)
        limits = any(d.path != "restart" for d in changed)
        wanted = self.service.container
        update = None
        if changed:
            update = UpdateContainer(
                container=ref(container),
                resources=wanted.resources if limits else None,
                restart=wanted.restart if restart else None,
            )
        detach, attach, networks = self._networks(container)
        return Mends(update, detach, attach, (*changed, *networks))

    def _networks(
        self, container: ObservedContainer
    ) -> tuple[tuple[Endpoint, ...], tuple[str, ...], tuple[Difference, ...]]:
        """Which endpoints go and which networks are joined, so that the container hangs where the file says."""
        if self.service.container.network_mode or not self.service.container.networks:
            return (), (), ()
        detach: list[Endpoint] = []
        attach: list[str] = []
        found: list[Difference] = []
        left = {endpoint.network_id: endpoint for endpoint in container.endpoints}
        for key, wanted in sorted(self.service.container.networks.items()):
            place = self.places.get(key)
            if place is None or container.id in place.rejoined:
                continue
            present = left.pop(place.id, None)
            changes = self._attachment(key, present, wanted)
            if changes:
                found += changes
                attach.append(key)
                if present is not None:
                    detach.append(present)
        rejoined = {place.name for place in self.places.values() if container.id in place.rejoined}
        for stale in left.values():
            if stale.network_name not in rejoined:
                detach.append(stale)
                found += self._left(stale)
        return tuple(detach), tuple(attach), tuple(found)

    def _attachment(self, key: str, present: Endpoint | None, wanted: Attachment) -> tuple[Difference, ...]:
        after = canonical.attachment(wanted)
        if present is None:
            return difference.of_attachment(key, None, after)
        before = canonical.attachment(_as_attachment(present))
        if "mac_address" not in after:
            before.pop("mac_address", None)
        found = difference.of_attachment(key, before, after)
        if not found and present.named != wanted.named:
            names = (self.service.name, "") if present.named else ("", self.service.name)
            return (Difference(f"networks.{key}.aliases", *names, True),)
        return found

    def _left(self, stale: Endpoint) -> list[Difference]:
        """An endpoint on a network that is not wanted; silent where a network of the same name is joined instead."""
        if any(place.name == stale.network_name for place in self.places.values()):
            return []
        return [Difference(f"networks.{stale.network_name}", "connected", "", True)]


def _as_attachment(endpoint: Endpoint) -> Attachment:
    return Attachment(
        aliases=endpoint.aliases,
        ipv4_address=endpoint.ipv4_address,
        ipv6_address=endpoint.ipv6_address,
        link_local_ips=endpoint.link_local_ips,
        mac_address=endpoint.mac_address,
        driver_opts=endpoint.driver_opts,
        interface_name=endpoint.interface_name,
        gw_priority=endpoint.gw_priority,
    )


def is_discarded(one: Difference, container: ObservedContainer) -> bool:
    """Whether the container was made with this setting, and the engine has left it out: another one would fare the same."""
    return not one.before and one.path in container.labels.get(naming.ASKED, "").split(",")


def _only_volumes_mode(one: Difference, others: tuple[Difference, ...]) -> bool:
    """Compose drops ``:ro`` of volumes_from, so an adopted container's mode there means nothing."""
    if not one.path.startswith("volumes_from["):
        return False
    plain = one.path.replace(":ro]", "]").replace(":rw]", "]")
    return any(other is not one and other.path.replace(":ro]", "]").replace(":rw]", "]") == plain for other in others)


def _tagged(reference: str) -> str:
    """References that mean the same, written alike."""
    name = reference.removeprefix("docker.io/").removeprefix("library/")
    return name if ":" in name.rpartition("/")[2] or "@" in name else f"{name}:latest"


def _short(image_id: str) -> str:
    return image_id.removeprefix("sha256:")[:12]
