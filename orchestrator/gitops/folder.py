"""From a commit to the stack that lies in a folder of it, as this host wants and permits it.

The spec is read by a process that can do nothing else; what the host gives the stack (variables, keys, secrets) is added here.
Which commit is kept is not its business (``source``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial

from orchestrator.admission.guard import Admitting
from orchestrator.controller.sources import Guard, Wanted
from orchestrator.errors import RuleViolation, SpecError, StackError, Where
from orchestrator.gitops import containment, dependencies, loading
from orchestrator.gitops.follower import Followed, Head
from orchestrator.gitops.selection import Chosen, env_files, spec_files
from orchestrator.gitops.standing import Version
from orchestrator.model.stack import Stack
from orchestrator.records import dataclass, replace
from orchestrator.secrets.decrypting import loaded
from orchestrator.secrets.keys import Keys, of_host
from orchestrator.secrets.stores import NO_STORES, Granted
from orchestrator.spec import files, names
from orchestrator.spec.hints import visible
from orchestrator.spec.load import Canonical, LoadRequest

LONGEST = 1_000  # characters of each of an error's words
MOST_OTHERS = 20  # further errors of one stack


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A commit's stack, and the version that it is."""

    wanted: Wanted
    version: Version


class Folder:
    """The folder of the ``chosen`` stack in the commits of a follower."""

    def __init__(
        self,
        chosen: Chosen,
        follower: Followed,
        key: Callable[[], bytes],
        *,
        keys: Callable[[], Keys] | None = None,
        stores: Granted = NO_STORES,
        admitting: Admitting | None = None,
    ) -> None:
        self.follower = follower
        self._entry, self._path, self._key = chosen.entry, chosen.folder, key
        self._overlays, self._environment = chosen.overlays, chosen.environment
        self._keys, self._stores = keys or partial(of_host, chosen.entry.decryption), stores
        self._admitting = admitting
        self._seen: dict[str, int] = {}

    @property
    def name(self) -> str:
        """The stack's."""
        return self._entry.name

    @property
    def stored_anew(self) -> bool:
        """Whether a store has another value by now."""
        return self._stores.versions(self._seen) != self._seen

    def at(self, head: Head, before: Version | None) -> Found:
        """The stack of a commit, with its mounts where their content lay ``before``. Raises SpecError, fit to be told."""
        try:
            return self._at(head, before)
        except SpecError as problem:
            told = loading.told(problem, head.place, head.commit)
            told.retold(_cut, MOST_OTHERS)
            raise told from None
        except StackError:
            raise
        except Exception as problem:  # a model that no loader makes: whoever read the spec is not to be believed
            raise loading.LoadFailed(
                f"the spec of commit {head.commit[:12]} cannot be used ({type(problem).__name__})",
                where=Where(self._path),
            ) from problem

    def _at(self, head: Head, before: Version | None) -> Found:
        canonical = self._canonical(head)
        containment.check_beside(canonical, head.place)
        key = self._key()
        builds = dependencies.builds(canonical, head.place, key)
        anchors = before.anchors if before else {}
        version = dependencies.version(canonical, head.place, head.commit, key, anchors, builds)
        folders = {
            path: place
            for path, anchor in version.anchors.items()
            if (place := self.follower.repository.complete(anchor.commit)) is not None
        }
        dependencies.anchor(canonical, head.place, folders)
        return Found(wanted=self._wanted(canonical, head, builds), version=version)

    def _canonical(self, head: Head) -> Canonical:
        if names.normalized(self._entry.name) != self._entry.name:
            raise SpecError(
                f"{self._path}: no stack can be called {self._entry.name!r}",
                hint="rename the folder (two that differ in spelling alone are one name), or list it in `stacks` of the source",
                reference="invalid-project-name",
            )
        folder = os.path.join(head.place, self._path)
        request = LoadRequest(
            files=self._files(folder, head),
            environment=dict(self._entry.variables),
            current_directory=folder,
            shown_from=head.place,
            project_name=self._entry.name,
            env_files=(*env_files(folder, self._environment), *self._entry.env_files),
            profiles=self._entry.profiles,
            disk=loading.files_below(head.place, self._entry.env_files),
        )
        load = partial(loading.canonical, place=head.place, commit=head.commit)
        return loaded(request, self._keys, load)

    def _wanted(self, canonical: Canonical, head: Head, builds: Mapping[str, str]) -> Wanted:
        files_of_stack = LoadRequest(
            disk=loading.files_of(canonical, head.place), secret_values=canonical.secret_values
        )
        stack = loaded(files_of_stack, self._keys, partial(self._stack, canonical), self._stores)
        self._seen |= self._stores.versions(stack.stored)
        stack = _with_builds(stack, builds)
        stack, guard = self._admitted(stack, canonical, head)
        return Wanted(
            stack=stack,
            guard=guard,
            canonical=canonical,
            version=head.commit,
            origin={
                "commit": head.commit,
                "repository": self.follower.repository.git.url,
                "ref": str(self.follower.ref),
            },
        )

    def _stack(self, canonical: Canonical, request: LoadRequest) -> Stack:
        known = replace(canonical, secret_values=request.secret_values)
        return loading.stack(known, key=self._key(), disk=request.disk)

    def _admitted(self, stack: Stack, canonical: Canonical, head: Head) -> tuple[Stack, Guard | None]:
        """The stack as this host's policy takes it. Raises Refused: then nothing of it is touched."""
        if self._admitting is None:
            return stack, None
        about = f"commit {head.commit[:12]}"
        return self._admitting.admitted(
            stack, canonical.model, place=head.place, lent=self._entry.env_files, about=about
        )

    def _files(self, folder: str, head: Head) -> tuple[str, ...]:
        """The spec of the folder with its overlays. Without one nothing is wanted, which never means "remove everything"."""
        found = spec_files(folder, self._environment, self._overlays)
        if not found:
            raise RuleViolation(
                f"commit {head.commit[:12]} has no spec in {self._path}",
                where=Where(self._path),
                hint=f"{files.NAMES[0]} or app.yml; what runs goes on",
                reference="git-no-spec",
            )
        return found


def _with_builds(stack: Stack, versions: Mapping[str, str]) -> Stack:
    """Each build with the version of what it is built from, so that a change of it is a new image."""
    services = {
        name: replace(service, build=replace(service.build, version=versions.get(name, "")))
        for name, service in stack.services.items()
        if service.build is not None
    }
    return replace(stack, services={**stack.services, **services}) if services else stack


def _cut(text: str) -> str:
    """Strangers' words, short enough to be remembered, and with nothing in them that a terminal would obey."""
    short = text if len(text) <= 2 * LONGEST else text[:LONGEST] + text[-LONGEST:]
    shown = "\n".join(map(visible, short.split("\n")))
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST // 2]} ... {shown[-LONGEST // 3 :]}"
