"""What a registry's refusal means: an engine passes on the registry's (or the network's) words, and only words.

A text goes in, a ``Verdict`` comes out: may it pass by itself, and what can the person do. One table, the first row
that matches counts; the words are those of the engine, of containerd and of Go's network library.
"""

from __future__ import annotations

from orchestrator.records import dataclass


@dataclass(frozen=True, slots=True)
class Verdict:
    """``about_image`` is False for troubles of the host that would meet any image."""

    short: str
    hint: str
    retryable: bool = False
    about_image: bool = True


_TABLE: tuple[tuple[tuple[str, ...], Verdict], ...] = (
    (
        ("no space left on device", "disk quota exceeded"),
        Verdict("no space", "make room where the engine keeps its images (`docker system df`)", about_image=False),
    ),
    (
        ("toomanyrequests", "too many requests", "rate limit", "status: 429"),
        Verdict("rate limited", "log in with `stack login {registry}` for a higher limit, or use a mirror", True),
    ),
    (
        ("no matching manifest", "does not match the specified platform", "no match for platform"),
        Verdict("no such platform", "the image has no variant for this platform; `platform:` chooses another"),
    ),
    (
        ("failed size validation", "verification failed", "unexpected digest", "digest mismatch", "invalid checksum"),
        Verdict("damaged", "the registry or a proxy on the way delivers damaged data; try another mirror"),
    ),
    (
        ("may require 'docker login'", "repository does not exist", "insufficient_scope"),
        Verdict("not found or private", "check the name, or log in with `stack login {registry}`"),
    ),
    (
        ("unauthorized", "authentication required", "no basic auth", "403 forbidden", "denied", "401 unauthorized"),
        Verdict("not allowed", "log in with `stack login {registry}`; the account needs the right to pull"),
    ),
    (
        ("manifest unknown", "not found", "name unknown", "does not exist"),
        Verdict("not found", "check the name and the tag; an image made here needs `build:`"),
    ),
    (
        ("x509", "certificate", "server gave http response to https client"),
        Verdict(
            "no trust",
            "the engine does not trust {registry}: give it the certificate, or list it in insecure-registries",
        ),
    ),
    (("no such host",), Verdict("unknown host", "check the registry's name and the engine's DNS")),
    (
        (
            "timeout",
            "deadline exceeded",
            "connection reset",
            "connection refused",
            "unexpected eof",
            "temporary failure",
            "server misbehaving",
            "network is unreachable",
            "no route to host",
            "broken pipe",
            "unexpected http status: 5",
            "unexpected status code 5",
            "500 internal server error",
            "502 bad gateway",
            "503 service unavailable",
            "504 gateway",
            "request canceled while waiting",
            "http2: ",
        ),
        Verdict("registry unreachable", "check the network and the state of {registry}, then try again", True),
    ),
)

_UNKNOWN = Verdict("refused", "")


def classify(message: str, status: int, registry: str) -> Verdict:
    """The row for a refusal; ``status`` is the HTTP status where the engine gave one of its own."""
    text = message.lower()
    for words, verdict in _TABLE:
        if any(word in text for word in words):
            return _filled(verdict, registry)
    if status == 429:
        return classify("toomanyrequests", 0, registry)
    return _UNKNOWN


def _filled(verdict: Verdict, registry: str) -> Verdict:
    shown = "" if registry == "docker.io" else registry
    hint = verdict.hint.replace("`stack login {registry}`", f"`{f'stack login {shown}'.strip()}`")
    return Verdict(verdict.short, hint.replace("{registry}", registry), verdict.retryable, verdict.about_image)
