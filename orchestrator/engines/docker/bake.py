"""Builds as a definition for ``docker buildx bake``: what `stack build --print` shows.

The steps that would build come in, a JSON document goes out. Of secrets it names the places, never what they hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orchestrator.engines.docker import build_context
from orchestrator.engines.docker.classic_build import host_entry
from orchestrator.model.actions import BuildImage
from orchestrator.model.stack import Build, BuildSecret, is_remote

Document = dict[str, Any]


def definition(
    builds: Iterable[BuildImage], named: Iterable[str], *, push: bool = False, check: bool = False
) -> Document:
    """One target a build; the group is those that were ``named``."""
    made = list(builds)
    owners = {f"docker-image://{one.reference}": one.service for one in made}
    targets = {
        one.service: _target(one, owners, push=push, check=check) for one in sorted(made, key=lambda one: one.service)
    }
    return {"group": {"default": {"targets": sorted(named)}}, "target": targets}


def _target(action: BuildImage, owners: dict[str, str], *, push: bool, check: bool) -> Document:
    build = action.build
    remote = is_remote(build.context)
    dockerfile = build.dockerfile if remote else build_context.dockerfile_path(build)
    whole: Document = {
        "context": build.context,
        "contexts": {
            name: f"target:{owners[place]}" if place in owners else place
            for name, place in build.additional_contexts.items()
        },
        "dockerfile": "" if build.dockerfile_inline else dockerfile,
        "dockerfile-inline": build.dockerfile_inline,
        "args": dict(build.args),
        "labels": dict(build.labels),
        "tags": list(dict.fromkeys((*build.tags, action.reference))),
        "cache-from": list(build.cache_from),
        "cache-to": list(build.cache_to),
        "target": build.target,
        "secret": [_secret(secret) for secret in build.secrets],
        "ssh": list(build.ssh),
        "platforms": list(build.platforms),
        "pull": build.pull,
        "no-cache": build.no_cache,
        "no-cache-filter": list(build.no_cache_filter),
        "network": build.network,
        "shm-size": "" if build.shm_size is None else str(build.shm_size),
        "ulimits": [_limit(name, one.soft, one.hard) for name, one in build.ulimits.items()],
        "call": "lint" if check else "",
        "entitlements": [*build.entitlements, *(["security.insecure"] if build.privileged else [])],
        "extra-hosts": dict(host_entry(one).split(":", 1) for one in build.extra_hosts),
        "output": [] if check else ["type=image,push=true" if push else "type=docker"],
        "attest": _attestations(build),
    }
    return {key: value for key, value in whole.items() if value}


def _secret(secret: BuildSecret) -> str:
    if secret.environment and not secret.source:
        return f"id={secret.id},type=env,env={secret.environment}"
    return f"id={secret.id},type=file,src={secret.source}"


def _limit(name: str, soft: int, hard: int) -> str:
    return f"{name}={soft}" if soft == hard else f"{name}={soft}:{hard}"


def _attestations(build: Build) -> list[str]:
    return [_attestation(kind, said) for kind, said in (("provenance", build.provenance), ("sbom", build.sbom)) if said]


def _attestation(kind: str, said: str) -> str:
    """``true``, ``false`` or parameters, as the builder wants them."""
    lower = said.lower()
    if lower in ("true", "1"):
        return f"type={kind}"
    return f"type={kind},disabled=true" if lower in ("false", "0") else f"type={kind},{said}"
