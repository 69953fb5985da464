"""Publishing a stack's files to a registry: what speaks against it, what has to be asked, and the pushing itself.

The files, not the model, are published: whoever loads the artifact fills in variables of their own. Every question is
asked before anything is sent.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from typing import IO, Any

from orchestrator.cli import asking, loading
from orchestrator.cli.wiring import Context
from orchestrator.errors import Interrupted, StackError, UsageError, Where
from orchestrator.records import dataclass
from orchestrator.spec import artifact, registry, sensitive, yamltext
from orchestrator.spec.artifact import Layer
from orchestrator.spec.defaults import services_of
from orchestrator.spec.files import STDIN
from orchestrator.spec.load import Canonical, load_canonical
from orchestrator.spec.registry import Reference, Registry
from orchestrator.spec.remote_oci import ARTIFACT, EMPTY_CONFIG, ENV_FILE

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
_EMPTY = {"1.1": "application/vnd.oci.empty.v1+json", "1.0": EMPTY_CONFIG}
_VERSION = "com.docker.compose.version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    repository: str
    with_env: bool = False
    resolve_digests: bool = False
    images: bool = False
    oci_version: str = ""
    yes: bool = False
    insecure: bool = False


def load(context: Context) -> Canonical:
    """The stack with all its profiles: what is published is published whole."""
    request = loading.request(context, ())
    from orchestrator.records import replace

    return load_canonical(replace(request, profiles=("*",)))


def layers(context: Context, canonical: Canonical, wish: Wish) -> tuple[Layer, ...]:
    """What the artifact is to hold. Raises StackError for what cannot be published."""
    if STDIN in canonical.config_files:
        raise UsageError("a spec from standard input cannot be published", hint="name its file with -f")
    _has_images(canonical)
    made = artifact.layers(canonical.config_files, canonical.environment, env_files=wish.with_env)
    if wish.resolve_digests:
        made = (*made, _digests(context, canonical))
    return made


def _has_images(canonical: Canonical) -> None:
    built = [name for name, service in services_of(canonical.model) if "build" in service and not service.get("image")]
    if built:
        lines = "".join(f'\n- "{name}"' for name in built)
        raise StackError(
            f"your Compose stack cannot be published as it only contains a build section for service(s):{lines}",
            hint="give each an `image:` that others can pull: an artifact holds no sources",
            reference="cannot-publish",
        )


def _digests(context: Context, canonical: Canonical) -> Layer:
    """A file, merged last, that fixes what the tags mean today."""
    services = {
        name: {"image": _pinned(context, str(service["image"]))}
        for name, service in services_of(canonical.model)
        if service.get("image")
    }
    return Layer("image-digests.yaml", yamltext.dump({"services": services}).encode())


def _pinned(context: Context, image: str) -> str:
    if "@" in image:
        return image
    digest = context.engine.operations.resolve(image)
    name, colon, tag = image.rpartition(":")
    return f"{name if colon and '/' not in tag else image}@{digest}"


def agreed(context: Context, canonical: Canonical, made: Iterable[Layer], wish: Wish) -> None:
    """Ask what has to be asked. Raises Interrupted where the answer is no."""
    environments = () if wish.with_env else tuple(_environments(context))
    for question in _questions(canonical, made, environments, with_env=wish.with_env):
        if not wish.yes and not asking.confirmed(context, question):
            raise Interrupted("not published")
    if any(line.endswith(_ENV_FILE) for line in environments):
        context.say("warning: the artifact names env files that it does not hold; --with-env puts them in")


_ENV_FILE = "env_file declared"


def _environments(context: Context) -> Iterable[str]:
    """The services' variables as the files have them, before anything is read or filled in."""
    request = loading.request(context, (), resolve_env=False, consistency=False, interpolate=False, normalize=False)
    return sensitive.environments(load_canonical(request).model)


def _questions(
    canonical: Canonical, made: Iterable[Layer], environments: Iterable[str], *, with_env: bool
) -> Iterable[str]:
    binds = sensitive.bind_mounts(canonical.model)
    if binds:
        yield _question(
            "you are about to publish bind mounts declaration within your OCI artifact.\n"
            "only the bind mount declarations will be added to the OCI artifact (not content)\n"
            "please double check that you are not mounting potential user's sensitive directories or data",
            (f"{name}: {place}" for name, places in binds.items() for place in places),
            "Are you ok to publish these bind mount declarations?",
        )
    found = [str(one) for layer in made for one in _sensitive(layer, with_env)]
    found += sensitive.literals(canonical.model)
    if found:
        yield _question(
            "you are about to publish sensitive data within your OCI artifact.\n"
            "please double check that you are not leaking sensitive data",
            found,
            "Are you ok to publish these sensitive data?",
        )
    if environments:
        yield _question(
            "you are about to publish env-related declarations within your OCI artifact.\n"
            "please double check that you are not leaking sensitive data",
            environments,
            "Use --with-env to silence this prompt\nAre you ok to publish these env declarations?",
        )


def _question(about: str, lines: Iterable[str], asked: str) -> str:
    return "\n".join((about, *lines, asked))


def _sensitive(layer: Layer, with_env: bool) -> list[sensitive.Finding]:
    text, name = layer.content.decode(errors="replace"), layer.source.rpartition("/")[2] or layer.name
    if layer.media == ENV_FILE:
        return sensitive.in_lines(text, name)
    return sensitive.in_yaml(text, name, environments=with_env)


def reference(context: Context, wish: Wish) -> Reference:
    given = wish.repository.removeprefix("oci://")
    insecure = (*context.shared.insecure_registries, *((given.partition("/")[0],) if wish.insecure else ()))
    found = registry.parse(given, Where("REPOSITORY"), insecure)
    if ":" in found.version:
        raise UsageError(f"{wish.repository} names a digest, which only what is there already has", hint="give a tag")
    return found


def push(context: Context, target: Reference, made: tuple[Layer, ...], images: tuple[str, ...], wish: Wish) -> str:
    """Put the artifact there; its digest. The older form of manifests serves where a registry refuses the newer one."""
    there = _registry(context, target, "pull,push")
    for layer in made:
        there.put_blob(registry.digest_of(layer.content), layer.content, len(layer.content))
    there.put_blob(registry.digest_of(b"{}"), b"{}", 2)
    manifest = _put_manifest(there, target, made, wish)
    if wish.images:
        _put_images(context, there, images, manifest)
    return registry.digest_of(manifest)


def _put_manifest(there: Registry, target: Reference, made: tuple[Layer, ...], wish: Wish) -> bytes:
    versions = (wish.oci_version,) if wish.oci_version else ("1.1", "1.0")
    for version in versions:
        data = manifest(made, version)
        try:
            there.put_manifest(target.version, data, MANIFEST)
            return data
        except StackError:
            if version == versions[-1]:
                raise
    raise AssertionError("one of the versions was pushed or refused")


def manifest(made: Iterable[Layer], version: str) -> bytes:
    """The artifact's table of contents."""
    from datetime import UTC, datetime

    from orchestrator.version import VERSION

    content: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "artifactType": ARTIFACT,
        "config": _descriptor(_EMPTY[version], b"{}"),
        "layers": [
            _descriptor(layer.media, layer.content) | {"annotations": {**layer.annotations, _VERSION: VERSION}}
            for layer in made
        ],
        "annotations": {"org.opencontainers.image.created": datetime.now(UTC).isoformat(timespec="seconds")},
    }
    if version == "1.0":
        del content["artifactType"]
    return json.dumps(content, separators=(",", ":")).encode()


def _descriptor(media: str, data: bytes) -> dict[str, Any]:
    return {"mediaType": media, "digest": registry.digest_of(data), "size": len(data)}


def _put_images(context: Context, there: Registry, images: tuple[str, ...], about: bytes) -> None:
    """Copy the services' images into the same repository, listed in an index that belongs to the artifact."""
    from orchestrator.version import VERSION

    entries = [_copy(context, there, image) for image in images]
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "artifactType": ARTIFACT,
        "manifests": entries,
        "subject": _descriptor(MANIFEST, about) | {"artifactType": ARTIFACT},
        "annotations": {_VERSION: VERSION},
    }
    data = json.dumps(index, separators=(",", ":")).encode()
    there.put_manifest(registry.digest_of(data), data, INDEX)


def _copy(context: Context, there: Registry, image: str) -> dict[str, Any]:
    source = registry.parse(image, Where(image), context.shared.insecure_registries)
    here = _registry(context, source, "pull")
    context.say(f" {image} Copying")
    data, kind = _copy_manifest(here, there, source.version)
    return _descriptor(kind, data) | {"annotations": {"org.opencontainers.image.ref.name": image}}


def _copy_manifest(here: Registry, there: Registry, version: str) -> tuple[bytes, str]:
    data = here.get(f"/manifests/{version}", f"{registry.INDEXES}, {registry.MANIFESTS}")
    content = json.loads(data)
    kind = str(content.get("mediaType") or (INDEX if "manifests" in content else MANIFEST))
    for entry in content.get("manifests") or ():
        _copy_manifest(here, there, str(entry["digest"]))
    for blob in [content[key] for key in ("config",) if key in content] + (content.get("layers") or []):
        if "urls" not in blob:
            _copy_blob(here, there, str(blob["digest"]), int(blob["size"]))
    there.put_manifest(registry.digest_of(data), data, kind)
    return data, kind


def _copy_blob(here: Registry, there: Registry, digest: str, size: int) -> None:
    if there.has_blob(digest):
        return
    file: IO[bytes]
    with tempfile.TemporaryFile() as file:
        here.save_blob(digest, file)
        file.seek(0)
        same = here.wanted.host == there.wanted.host
        there.put_blob(digest, file, size, mount=here.wanted.name if same else "")


def _registry(context: Context, target: Reference, scope: str) -> Registry:
    from orchestrator.engines.docker import auth

    host = "docker.io" if target.host == "registry-1.docker.io" else target.host
    return Registry(
        target, context.environment, Where(str(target)), login=auth.basic(host, context.environment), scope=scope
    )
