"""Images on the engine: look, pull with progress, tag, remove.

References go in; the engine's own description or progress comes out. Separate because a registry fails in more ways
than an engine does: ``refusals`` of a registry become ``ImageUnavailable`` with what to do, and what may pass is tried
again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from orchestrator.cancel import CancelToken
from orchestrator.engines.docker import auth, references
from orchestrator.engines.docker.client import Client
from orchestrator.engines.docker.pull_errors import Verdict, classify
from orchestrator.engines.docker.wire import quote
from orchestrator.errors import EngineError, EngineUnreachable, ImageUnavailable, Interrupted, NotFound

Progress = Callable[[str, str, int, int], None]  # text, layer, current bytes, total bytes

PULL_SILENCE = 120.0
RETRY_DELAYS = (1.0, 3.0)


def inspect(client: Client, reference: str) -> dict[str, Any] | None:
    """The engine's description of an image it has, None if it has not."""
    try:
        found = client.get_json(f"/images/{in_path(reference)}/json")
    except NotFound:
        return None
    return found if isinstance(found, dict) else None


def inspect_all(client: Client, wanted: Iterable[str]) -> dict[str, dict[str, Any] | None]:
    return {reference: inspect(client, reference) for reference in dict.fromkeys(wanted)}


def pull(
    client: Client,
    reference: str,
    *,
    platform: str = "",
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
    delays: tuple[float, ...] = RETRY_DELAYS,
) -> str:
    """Have the engine pull it; the digest it reports, or an empty text. Trying again is only for what may pass."""
    image = references.normalize(reference)
    credentials = auth.for_registry(image.registry, client.environment)
    token = cancel or CancelToken()
    for attempt, delay in enumerate((*delays, None), start=1):
        try:
            return _pull_once(client, image, platform, credentials.headers, progress, token)
        except EngineError as problem:
            _stop_if(token, reference)
            verdict = _verdict(problem, image)
            if delay is None or not verdict.retryable:
                raise _unavailable(image, problem, verdict, attempt, credentials.problem) from problem
            if progress is not None:
                progress(f"Retrying in {delay:g} s: {verdict.short}", "", 0, 0)
        token.wait(delay)
        _stop_if(token, reference)
    raise AssertionError("the last attempt either returns or raises")


def resolve(client: Client, reference: str) -> str:
    """The digest under which the registry has the image now; nothing is pulled. Raises ImageUnavailable."""
    image = references.normalize(reference)
    credentials = auth.for_registry(image.registry, client.environment)
    try:
        path = f"/distribution/{in_path(image.familiar)}/json"
        found = client.request("GET", path, headers=credentials.headers, timeout=PULL_SILENCE).json()
    except EngineError as problem:
        raise _unavailable(image, problem, _verdict(problem, image), 1, credentials.problem) from problem
    return str((found.get("Descriptor") or {}).get("digest") or "")


def push(
    client: Client,
    reference: str,
    *,
    progress: Progress | None = None,
    cancel: CancelToken | None = None,
    delays: tuple[float, ...] = RETRY_DELAYS,
) -> None:
    """Have the engine push it to the registry of its name. Trying again is only for what may pass."""
    image = references.normalize(reference)
    credentials = auth.for_registry(image.registry, client.environment)
    token = cancel or CancelToken()
    for attempt, delay in enumerate((*delays, None), start=1):
        try:
            _push_once(client, image, credentials.headers, progress, token)
            return
        except EngineError as problem:
            _stop_if(token, reference)
            verdict = _verdict(problem, image)
            if delay is None or not verdict.retryable:
                raise _not_pushed(image, problem, verdict, attempt, credentials.problem) from problem
            if progress is not None:
                progress(f"Retrying in {delay:g} s: {verdict.short}", "", 0, 0)
        token.wait(delay)
        _stop_if(token, reference)


def _push_once(
    client: Client,
    image: references.Reference,
    headers: Mapping[str, str],
    progress: Progress | None,
    cancel: CancelToken,
) -> None:
    # The engine wants the header also from those who have nothing to say: "{}" in base64.
    sent = {"X-Registry-Auth": "e30=", **headers}
    path = f"/images/{in_path(image.name)}/push"
    with client.stream(
        "POST", path, {"tag": image.tag}, headers=sent, timeout=PULL_SILENCE, activity=PULL_SILENCE
    ) as stream:
        unsubscribe = cancel.subscribe(stream.close)
        try:
            for message in stream.json():
                report(message, progress)
        finally:
            unsubscribe()
    _stop_if(cancel, image.familiar)


def _not_pushed(
    image: references.Reference, problem: EngineError, verdict: Verdict, attempts: int, complaint: str
) -> EngineError:
    if isinstance(problem, EngineUnreachable):
        return problem
    tries = f" (tried {attempts} times)" if attempts > 1 else ""
    hint = "; ".join(
        part for part in (verdict.hint if verdict.retryable or problem.status != 404 else "", complaint) if part
    )
    if "does not exist locally" in problem.message or isinstance(problem, NotFound):
        hint = "there is nothing to push yet: build it first (`stack build`)"
    return EngineError(
        f"cannot push {image.familiar}{tries}: {problem.message}",
        hint=hint,
        reference="push-failed",
        status=problem.status,
    )


def tag(client: Client, source: str, target: str) -> None:
    wanted = references.normalize(target)
    client.post_json(f"/images/{in_path(source)}/tag", {"repo": wanted.name, "tag": wanted.tag})


def remove(client: Client, reference: str, *, force: bool = False) -> bool:
    """Remove the name, and the image with its last name. False when there is none; Conflict while it is used."""
    try:
        client.delete(f"/images/{in_path(reference)}", {"force": force})
    except NotFound:
        return False
    return True


def _pull_once(
    client: Client,
    image: references.Reference,
    platform: str,
    headers: Mapping[str, str],
    progress: Progress | None,
    cancel: CancelToken,
) -> str:
    query = {"fromImage": image.name, "tag": image.version, "platform": platform or None}
    digest = ""
    with client.stream(
        "POST", "/images/create", query, headers=headers, timeout=PULL_SILENCE, activity=PULL_SILENCE
    ) as stream:
        unsubscribe = cancel.subscribe(stream.close)
        try:
            for message in stream.json():
                status = report(message, progress)
                if status.startswith("Digest: "):
                    digest = status.removeprefix("Digest: ")
        finally:
            unsubscribe()
    _stop_if(cancel, image.familiar)
    return digest


def report(message: Any, progress: Progress | None) -> str:
    """One message of a pull or push to ``progress``; its status text. Raises the EngineError it tells of."""
    if not isinstance(message, dict):
        return ""
    detail = message.get("errorDetail") or {}
    if message.get("error") or detail:
        raise EngineError(str(detail.get("message") or message.get("error")), status=int(detail.get("code") or 0))
    status = str(message.get("status", ""))
    if progress is not None:
        numbers = message.get("progressDetail") or {}
        current, total = int(numbers.get("current") or 0), int(numbers.get("total") or 0)
        progress(status, str(message.get("id", "")), current, total)
    return status


def _verdict(problem: EngineError, image: references.Reference) -> Verdict:
    if isinstance(problem, EngineUnreachable):
        # A pull that stood still may go on at the second try; an engine that is gone is for the caller to judge.
        return Verdict("the download stood still", "", retryable=problem.ref == "engine-timeout")
    return classify(problem.message, problem.status, image.registry)


def _unavailable(
    image: references.Reference, problem: EngineError, verdict: Verdict, attempts: int, complaint: str
) -> EngineError:
    if isinstance(problem, EngineUnreachable) or not verdict.about_image:
        return problem
    tries = f" (tried {attempts} times)" if attempts > 1 else ""
    hint = "; ".join(part for part in (verdict.hint, complaint) if part)
    return ImageUnavailable(f"cannot pull {image.familiar}{tries}: {problem.message}", hint=hint, status=problem.status)


def _stop_if(cancel: CancelToken, reference: str) -> None:
    if cancel.is_set():
        raise Interrupted(f"pulling {reference} was interrupted", signal_number=cancel.signal_number or 2)


def in_path(reference: str) -> str:
    """Slashes, colons and the at-sign stay: the engine's router takes the whole rest of the path as the name."""
    return "/".join(quote(part) for part in reference.split("/")).replace("%3A", ":").replace("%40", "@")
