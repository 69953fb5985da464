"""Who may poke: which deliveries are proven by a secret, and which are not."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from orchestrator.api.webhooks import proven

KEY = "k" * 32
BODY = b'{"ref": "refs/heads/main"}'
NOW = 1_800_000_000.0


def hexed(body: bytes = BODY, key: str = KEY, how: str = "sha256") -> str:
    return hmac.new(key.encode(), body, how).hexdigest()


def standard(
    body: bytes = BODY, key: bytes = KEY.encode(), sent: int = int(NOW), name: str = "msg_1"
) -> dict[str, str]:
    digest = hmac.new(key, f"{name}.{sent}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": name,
        "webhook-timestamp": str(sent),
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


GOOD = {
    "GitHub": {"x-hub-signature-256": f"sha256={hexed()}", "x-hub-signature": f"sha1={hexed(how='sha1')}"},
    "Gitea": {"x-gitea-signature": hexed()},
    "Forgejo": {"x-forgejo-signature": hexed()},
    "Bitbucket": {"x-hub-signature": f"sha256={hexed()}"},
    "GitLab": {"x-gitlab-token": KEY},
    "Standard Webhooks": standard(),
    "Standard Webhooks, while the key is changed": {
        **standard(),
        "webhook-signature": "v1,bm8= " + standard()["webhook-signature"],
    },
    "four minutes late": standard(sent=int(NOW) - 240),
}

BAD = {
    "nothing": {},
    "an empty signature": {"x-hub-signature-256": ""},
    "no algorithm": {"x-hub-signature-256": hexed()},
    "SHA-1": {"x-hub-signature": f"sha1={hexed(how='sha1')}"},
    "SHA-1 called SHA-256": {"x-hub-signature-256": f"sha256={hexed(how='sha1')}"},
    "another key": {"x-hub-signature-256": f"sha256={hexed(key='o' * 32)}"},
    "another body": {"x-gitea-signature": hexed(b"{}")},
    "a cut signature": {"x-gitea-signature": hexed()[:-1]},
    "an empty key": {"x-hub-signature-256": f"sha256={hexed(key='')}"},
    "a wrong token": {"x-gitlab-token": "K" * 32},
    "an empty token": {"x-gitlab-token": ""},
    "a bad signature beside a good token": {"x-hub-signature-256": "sha256=00", "x-gitlab-token": KEY},
    "a bad signature beside another good one": {**standard(name="a"), "webhook-id": "b", "x-gitea-signature": hexed()},
    "six minutes late": standard(sent=int(NOW) - 360),
    "six minutes early": standard(sent=int(NOW) + 360),
    "no time": {**standard(), "webhook-timestamp": ""},
    "another time": {**standard(), "webhook-timestamp": str(int(NOW) + 1)},
    "a time that is none": {**standard(), "webhook-timestamp": "1e9"},
    "an asymmetric signature": {**standard(), "webhook-signature": "v1a,AAAA"},
    "letters of other alphabets": {"x-gitlab-token": "к" * 32},
}


@pytest.mark.parametrize("how", GOOD)
def test_a_delivery_signed_with_the_secret_is_proven(how: str) -> None:
    assert proven(GOOD[how], BODY, [KEY], NOW)
    assert proven(GOOD[how], BODY, ["x" * 32, KEY], NOW), "one of two keys, while they are changed"
    assert not proven(GOOD[how], BODY, ["x" * 32], NOW)
    assert not proven(GOOD[how], BODY, [], NOW)


@pytest.mark.parametrize("how", GOOD)
def test_a_signature_is_good_for_its_body_alone(how: str) -> None:
    assert proven(GOOD[how], BODY + b" ", [KEY], NOW) == (how == "GitLab"), "GitLab's token is bound to no body"


@pytest.mark.parametrize("how", BAD)
def test_anything_else_proves_nothing(how: str) -> None:
    assert not proven(BAD[how], BODY, [KEY], NOW)


def test_a_secret_with_a_prefix_stands_for_the_bytes_behind_it() -> None:
    key = bytes(range(32))
    secret = "whsec_" + base64.b64encode(key).decode()

    assert proven(standard(key=key), BODY, [secret], NOW)
    assert not proven(standard(key=secret.encode()), BODY, [secret], NOW)
