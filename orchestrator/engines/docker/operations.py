"""``engines.operations`` on a Docker engine: each method is a call or two, and the answer in our words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orchestrator.engines.docker import images, references
from orchestrator.engines.docker.client import Client
from orchestrator.engines.docker.wire import quote
from orchestrator.engines.operations import FileChange, Found, Layer, Raw, Space, StoredImage
from orchestrator.errors import EngineError
from orchestrator.model import naming
from orchestrator.model.actions import BuildImage
from orchestrator.records import replace

_PATHS = {
    "container": "/containers/{}/json",
    "image": "/images/{}/json",
    "network": "/networks/{}",
    "volume": "/volumes/{}",
}
_CHANGES = ("C", "A", "D")  # the engine's numbers 0, 1, 2
_KEYS = {"network": naming.NETWORK, "volume": naming.VOLUME}


class DockerOperations:
    """Asked by the commands that do what ``docker`` does, on the things of a stack."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def endpoint(self) -> str:
        return str(self._client.endpoint)

    @property
    def api_version(self) -> str:
        major, minor = self._client.api_version
        return f"{major}.{minor}"

    @property
    def on_this_machine(self) -> bool:
        from orchestrator.engines.docker import neighbour

        return neighbour.on_this_machine(self._client)

    def subnets(self) -> tuple[str, ...]:
        pools = [
            pool for raw in self._client.get_json("/networks") for pool in (raw.get("IPAM") or {}).get("Config") or ()
        ]
        return tuple(pool["Subnet"] for pool in pools if pool.get("Subnet"))

    def resolve(self, image: str) -> str:
        return images.resolve(self._client, image)

    def pinned(self, image: str) -> str:
        named = references.normalize(image)
        if named.digest:  # what a digest names never changes
            return str(replace(named, tag=""))
        return str(replace(named, digest=self.resolve(image)))

    def inspect(self, kind: str, name: str, *, size: bool = False) -> Raw:
        path = _PATHS[kind].format(images.in_path(name) if kind == "image" else quote(name))
        found: Raw = self._client.get_json(path, {"size": True} if size and kind == "container" else None)
        return found

    def names(self, kind: str, stack: str) -> dict[str, str]:
        filters = {"filters": {"label": [f"{naming.PROJECT}={stack}"]}}
        answer = self._client.get_json(f"/{kind}s", filters)
        listed = answer if kind == "network" else answer["Volumes"] or []
        named = {(raw.get("Labels") or {}).get(_KEYS[kind]) or raw["Name"]: str(raw["Name"]) for raw in listed}
        return dict(sorted(named.items()))

    def changes(self, container: str) -> tuple[FileChange, ...]:
        answer = self._client.get_json(f"/containers/{quote(container)}/changes") or ()
        return tuple(FileChange(_CHANGES[raw["Kind"]], raw["Path"]) for raw in answer)

    def info(self) -> Raw:
        found: Raw = self._client.get_json("/info")
        return found

    def version(self) -> Raw:
        found: Raw = self._client.get_json("/version")
        return found

    def space(self, stack: str, images: Mapping[str, str]) -> Space:
        from orchestrator.engines.docker import space

        return space.of_stack(self._client, stack, images)

    def images(self, *, labels: Iterable[str] = (), references: Iterable[str] = ()) -> tuple[StoredImage, ...]:
        filters = {"label": list(labels), "reference": list(references)}
        query = {"filters": {key: values for key, values in filters.items() if values}}
        return tuple(map(_stored, self._client.get_json("/images/json", query)))

    def history(self, image: str) -> tuple[Layer, ...]:
        return tuple(map(_layer, self._client.get_json(f"/images/{images.in_path(image)}/history")))

    def tag(self, source: str, target: str) -> None:
        images.tag(self._client, source, target)

    def remove_image(self, image: str, *, force: bool, prune: bool) -> tuple[str, ...]:
        answer = self._client.delete(f"/images/{images.in_path(image)}", {"force": force, "noprune": not prune})
        return tuple(f"{word}: {reference}" for entry in answer or () for word, reference in entry.items())

    def save(self, images: Iterable[str]) -> Iterator[bytes]:
        with self._client.stream("GET", "/images/get", {"names": list(images)}, timeout=None) as stream:
            yield from stream

    def load(self, archive: Iterable[bytes]) -> tuple[str, ...]:
        said = []
        with self._client.stream("POST", "/images/load", {"quiet": True}, archive, timeout=None) as stream:
            for message in stream.json():
                _raise_told(message)
                said += str(message.get("stream", "")).splitlines()
        return tuple(line for line in said if line)

    def import_image(
        self, archive: Iterable[bytes], *, name: str, changes: Iterable[str], message: str, platform: str
    ) -> str:
        query: dict[str, object] = {"fromSrc": "-", "changes": list(changes), "message": message or None}
        query["platform"] = platform or None
        if name:
            wanted = references.normalize(name)
            query |= {"repo": wanted.name, "tag": wanted.tag}
        status = ""
        with self._client.stream("POST", "/images/create", query, archive, timeout=None) as stream:
            for told in stream.json():
                _raise_told(told)
                status = str(told.get("status") or status)
        return status

    def transform(self, image: str, inputs: Mapping[str, bytes], folder: str, *, stack: str) -> tuple[int, str]:
        from orchestrator.engines.docker import transformer

        return transformer.transform(self._client, image, inputs, folder, stack)

    def templates(self, image: str, folder: str) -> None:
        from orchestrator.engines.docker import transformer

        transformer.templates(self._client, image, folder)

    def check_build(self, action: BuildImage) -> tuple[bool, str]:
        from orchestrator.engines.docker import build
        from orchestrator.engines.docker.build_request import BuildRequest

        return build.check(
            self._client, BuildRequest(reference=action.reference, build=action.build, builder=action.builder)
        )

    def search(self, term: str, *, limit: int, filters: Mapping[str, list[str]]) -> tuple[Found, ...]:
        query = {"term": term, "limit": limit, "filters": filters or None}
        return tuple(
            Found(
                name=raw["name"],
                description=raw.get("description") or "",
                stars=int(raw.get("star_count") or 0),
                official=bool(raw.get("is_official")),
            )
            for raw in self._client.get_json("/images/search", query)
        )

    def login(self, server: str, username: str, password: str) -> str:
        from orchestrator.engines.docker import login

        return login.login(self._client, login.server_of(server), username, password)

    def logout(self, server: str) -> bool:
        from orchestrator.engines.docker import login

        return login.forget(self._client.environment, login.server_of(server))

    def username(self, server: str) -> str:
        from orchestrator.engines.docker import login

        return login.username_of(self._client.environment, login.server_of(server))


def _stored(raw: Mapping[str, Any]) -> StoredImage:
    return StoredImage(
        id=raw["Id"],
        tags=tuple(tag for tag in raw.get("RepoTags") or () if tag != "<none>:<none>"),
        digests=tuple(raw.get("RepoDigests") or ()),
        created=int(raw.get("Created") or 0),
        size=int(raw.get("Size") or 0),
        labels=raw.get("Labels") or {},
    )


def _layer(raw: Mapping[str, Any]) -> Layer:
    return Layer(
        id=raw["Id"],
        created=int(raw.get("Created") or 0),
        created_by=raw.get("CreatedBy") or "",
        size=int(raw.get("Size") or 0),
        comment=raw.get("Comment") or "",
        tags=tuple(raw.get("Tags") or ()),
    )


def _raise_told(message: Any) -> None:
    if isinstance(message, dict) and (message.get("error") or message.get("errorDetail")):
        detail = message.get("errorDetail") or {}
        raise EngineError(str(detail.get("message") or message.get("error")))
