"""What containers read that is neither image nor volume of the user's: copies of configs and secrets, and secrets in memory.

Each is made once in a plan, by the first container that needs it, and not at all where it is there already.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.model import fingerprint, naming, shipment
from orchestrator.model.actions import KeepSecrets, ShipFiles
from orchestrator.model.stack import Service
from orchestrator.model.values import FileGrant
from orchestrator.planner.draft import Draft, Id
from orchestrator.planner.situation import Situation
from orchestrator.planner.verdicts import Keep, ServiceVerdict

UNKNOWN = "contents-unknown"


def warn_of_unknown(situation: Situation, draft: Draft, verdicts: Mapping[str, ServiceVerdict]) -> None:
    """Contents whose digests another key made (another user's, or one that was lost) and that the engine could not read cannot be
    compared: that must not pass for being the same.
    """
    for name, verdict in verdicts.items():
        kept = [slot.verdict.container for slot in verdict.slots if isinstance(slot.verdict, Keep)]
        unknown = [
            f"{grant.kind.value} {grant.name}"
            for grant in situation.desired.services[name].container.files
            if grant.digest
            and any(
                fingerprint.same_content(one.files[grant.target], grant.digest) is None
                for one in kept
                if grant.target in one.files
            )
        ]
        if unknown:
            draft.warn(
                f"{name}: whether {', '.join(sorted(unknown))} changed is not known, because containers were made with another "
                "state directory (STACK_STATE_DIR), and what is in them could not be read; "
                "made anew once (--force-recreate) they are compared again",
                reference=UNKNOWN,
            )


class Supplies:
    """``copies`` are the volumes that new containers mount, ``secrets`` the folders in use, with the steps that make them.

    ``images`` are the steps that bring images; what makes things ready without touching what runs is added to ``prepared``.
    """

    def __init__(self, situation: Situation, draft: Draft, images: dict[str, Id], prepared: set[Id]) -> None:
        self._situation, self._draft, self._images, self._prepared = situation, draft, images, prepared
        self.copies: dict[str, Id | None] = {}
        self.secrets: dict[str, Id | None] = {}

    def shipped(self, service: Service, volume: str) -> Id | None:
        """The step that makes the copies a container needs; none where another one has them already."""
        if volume and volume not in self.copies:
            has_them = any(volume in container.copies for container in self._situation.everything)
            self.copies[volume] = None if has_them else self._ship(service, volume)
        return self.copies.get(volume)

    def _ship(self, service: Service, volume: str) -> Id:
        action = ShipFiles(
            volume=volume,
            service=service.name,
            image=service.container.image,
            files=shipment.copied(service.container),
            labels={naming.PROJECT: self._situation.desired.name, naming.SERVICE: service.name},
        )
        after = [self._images.get(service.container.image)]
        copies = "copies of configs, secrets or other files"
        reason = f"its containers mount {copies}, and these are not there yet: {_names(action.files)}"
        step = self._draft.add(action, reason, after=after, group=f"files {service.name}")
        self._prepared.add(step)
        return step

    def kept(self, service: Service, folder: str) -> Id | None:
        """The step that writes the secrets that are in memory alone; none where they are there. A reboot takes them."""
        if folder and folder not in self.secrets:
            there = folder in self._situation.observed.secret_folders
            self.secrets[folder] = None if there else self._keep(service, folder)
        return self.secrets.get(folder)

    def _keep(self, service: Service, folder: str) -> Id:
        files = shipment.in_memory(service.container)
        action = KeepSecrets(stack=self._situation.desired.name, folder=folder, service=service.name, files=files)
        reason = f"its containers read secrets from memory, and these are not there yet: {_names(files)}"
        step = self._draft.add(action, reason, group=f"secrets {service.name}")
        self._prepared.add(step)
        return step


def _names(files: tuple[FileGrant, ...]) -> str:
    return ", ".join(grant.name for grant in files)
