"""A registry's refusal is understood from words alone: may it pass, and what can the person do."""

from __future__ import annotations

import pytest

from orchestrator.engines.docker.pull_errors import classify

PASSING = [
    "toomanyrequests: You have reached your pull rate limit.",
    "received unexpected HTTP status: 503 Service Unavailable",
    'Get "https://r.example/v2/": net/http: TLS handshake timeout',
    'Get "https://r.example/v2/": dial tcp 10.0.0.1:443: connect: connection refused',
    "read tcp 10.0.0.2:1->10.0.0.1:443: read: connection reset by peer",
    "unexpected EOF",
    "lookup r.example: Temporary failure in name resolution",
    "unexpected status from HEAD request to https://r.example/v2/x/manifests/1: 500 Internal Server Error",
    'Get "https://r.example/v2/": context deadline exceeded',
]
LASTING = {
    "manifest for x:1 not found: manifest unknown: manifest unknown": "check the name and the tag",
    "pull access denied for x, repository does not exist or may require 'docker login'": "stack login",
    "unauthorized: authentication required": "stack login",
    "no basic auth credentials": "stack login",
    "no matching manifest for linux/arm64/v8 in the manifest list entries": "platform",
    "filesystem layer verification failed for digest sha256:00": "damaged",
    "lookup nowhere.example on 10.0.0.1:53: no such host": "name",
    "tls: failed to verify certificate: x509: certificate signed by unknown authority": "certificate",
    "http: server gave HTTP response to HTTPS client": "insecure-registries",
}


@pytest.mark.parametrize("message", PASSING)
def test_what_may_pass_is_worth_another_try(message: str) -> None:
    assert classify(message, 500, "r.example").retryable


@pytest.mark.parametrize(("message", "advice"), LASTING.items())
def test_what_will_not_pass_is_said_at_once_with_advice(message: str, advice: str) -> None:
    verdict = classify(message, 500, "r.example")

    assert not verdict.retryable
    assert advice in verdict.hint


def test_a_full_disk_is_no_fault_of_the_image() -> None:
    verdict = classify("write /var/lib/docker/tmp/x: no space left on device", 0, "docker.io")

    assert (False, False) == (verdict.about_image, verdict.retryable)


def test_a_status_alone_is_enough_for_too_many_requests() -> None:
    assert classify("slow down", 429, "r.example").retryable


@pytest.mark.parametrize(
    ("registry", "login"), [("docker.io", "`stack login`"), ("r.example", "`stack login r.example`")]
)
def test_the_advice_names_the_registry_to_log_in_to(registry: str, login: str) -> None:
    assert login in classify("unauthorized", 0, registry).hint


def test_what_nobody_has_heard_of_is_not_tried_again() -> None:
    assert not classify("the moon is in the wrong place", 500, "docker.io").retryable
