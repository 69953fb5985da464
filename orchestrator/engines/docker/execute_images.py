"""Actions on images: pull, build, remove, by the modules that know registries and builders."""

from __future__ import annotations

from orchestrator.cancel import CancelToken
from orchestrator.engines.base import Progress
from orchestrator.engines.docker import images
from orchestrator.engines.docker.access import Access
from orchestrator.errors import Conflict, ImageUnavailable
from orchestrator.model import actions


def pull(access: Access, action: actions.PullImage, progress: Progress, cancel: CancelToken) -> str:
    access.forget_image(action.reference)
    try:
        images.pull(access.client, action.reference, platform=action.platform, progress=progress, cancel=cancel)
    except ImageUnavailable as problem:
        if not action.services:
            raise
        raise ImageUnavailable(
            f"{problem.message}; needed by {', '.join(action.services)}",
            hint=problem.hint,
            reference=problem.ref,
            status=problem.status,
        ) from problem
    return ""


def build(access: Access, action: actions.BuildImage, progress: Progress, cancel: CancelToken) -> str:
    from orchestrator.engines.docker import build as builder
    from orchestrator.engines.docker.build_request import BuildRequest

    access.forget_image(action.reference)
    request = BuildRequest(
        reference=action.reference,
        build=action.build,
        builder=action.builder,
        memory=action.memory,
        export=action.export,
    )
    builder.build(access.client, request, progress=progress, cancel=cancel)
    return ""


def tag(access: Access, action: actions.TagImage) -> str:
    images.tag(access.client, action.id, action.reference)
    return ""


def push(access: Access, action: actions.PushImage, progress: Progress, cancel: CancelToken) -> str:
    images.push(access.client, action.reference, progress=progress, cancel=cancel)
    return ""


def remove(access: Access, action: actions.RemoveImage) -> str:
    access.forget_image(action.reference)
    try:
        images.remove(access.client, action.reference)
    except Conflict as problem:
        raise Conflict(
            f'image "{action.reference}" is still used: {problem.message}',
            hint="remove the containers that use it first",
            reference="image-in-use",
            status=409,
        ) from problem
    return ""
