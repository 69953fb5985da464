"""Webhooks over a real connection: they poke what is configured, and nothing else gets a fetch out of the daemon."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import random
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from orchestrator.api import connections, webhooks
from orchestrator.spec.host import load_host
from tests.conftest import free_port
from tests.support import daemons
from tests.support.daemons import Running
from tests.support.gitrepos import Repo
from tests.support.waiting import eventually

SECRET = "0123456789abcdef" * 4
APP = "services:\n  web: {{image: web:{version}}}\n"
HOST = """sources:
  infra: {url: ./repo, interval: 1h, webhook: {secret_file: ./secret}}
  other: {url: ./other, interval: 1h}
"""
PUSH = json.dumps({"ref": "refs/heads/main", "repository": {"full_name": "us/infra"}}).encode()


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo")
    made.write("stacks/shop/app.yml", APP.format(version=1))
    made.commit()
    other = Repo(tmp_path / "other")
    other.write("stacks/wiki/app.yml", APP.format(version=1))
    other.commit()
    return made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STACK_LOCK_DIR", str(tmp_path / "locks"))
    (tmp_path / "host.yml").write_text(HOST)
    (tmp_path / "secret").write_text(SECRET + "\n")
    return tmp_path


@pytest.fixture
def host(repo: Repo, folder: Path) -> Iterator[Running]:
    with daemons.running(folder, free_port()) as found:
        found.settles("shop")
        found.settles("wiki")
        yield found


@pytest.fixture
def fetches(host: Running, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources that were fetched, as they are."""
    seen: list[str] = []
    for shown in host.daemon.repositories.shown():
        monkeypatch.setattr(shown.follower, "fetch", _noted(seen, shown.source.name, shown.follower.fetch))
    return seen


def _noted(seen: list[str], name: str, fetch: Callable[[], None]) -> Callable[[], None]:
    def noted() -> None:
        seen.append(name)
        fetch()

    return noted


def followed(host: Running) -> list[tuple[str, ...]]:
    return [(one["name"], one["url"], one["ref"], one["path"], one["commit"]) for one in host.client.sources()]


def signature(body: bytes, key: str = SECRET) -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()}


def deliver(host: Running, body: bytes, headers: dict[str, str], path: str = "/hooks/infra") -> int:
    """The answer's status; where the daemon has closed the connection before all was sent, that of a refusal."""
    connection = http.client.HTTPConnection("127.0.0.1", host.port, timeout=30)
    try:
        connection.request("POST", path, body=body, headers=headers)
        return connection.getresponse().status
    except (ConnectionError, http.client.HTTPException):
        return 400
    finally:
        connection.close()


def outcomes(host: Running) -> dict[str, float]:
    page = host.ask("/metrics", token=host.token(f"figures-{random.random()}"[:20])).body.decode()
    lines = [line for line in page.splitlines() if line.startswith("stack_webhooks_total")]
    return {line.partition('outcome="')[2].partition('"')[0]: float(line.rpartition(" ")[2]) for line in lines}


def test_a_delivery_brings_a_commit_that_nobody_would_have_asked_for_yet(host: Running, repo: Repo) -> None:
    repo.write("stacks/shop/app.yml", APP.format(version=2))
    repo.commit()

    assert deliver(host, PUSH, signature(PUSH)) == 202
    eventually(lambda: [c.image for c in containers(host, "shop")] == ["web:2"], what="the new version runs")


def containers(host: Running, stack: str) -> list[object]:
    return [c for c in host.engine.engine.world.containers if c.name.startswith(f"{stack}-")]


def test_a_delivery_is_taken_whatever_name_the_daemon_is_asked_for(host: Running, fetches: list[str]) -> None:
    assert deliver(host, PUSH, {**signature(PUSH), "Host": "deploy.example.org"}) == 202
    eventually(lambda: fetches == ["infra"], what="the fetch")


@pytest.mark.parametrize(
    "path", ["/hooks/other", "/hooks/nobody", "/hooks/", "/hooks/infra/more", "/hooks/INFRA", "/hooks/..%2finfra"]
)
def test_where_there_is_no_webhook_a_good_signature_gets_the_answer_of_a_bad_one(host: Running, path: str) -> None:
    assert deliver(host, PUSH, signature(PUSH), path) in (401, 404)
    assert deliver(host, PUSH, {"X-Hub-Signature-256": "sha256=0"}, path) in (401, 404)


def test_a_delivery_chooses_nothing_of_what_is_fetched(host: Running, repo: Repo, fetches: list[str]) -> None:
    urls = ("https://127.0.0.1:1/x.git", "ext::sh -c touch% /tmp/x", "file:///etc")
    before = followed(host)
    for url in urls:
        body = json.dumps(
            {
                "ref": "refs/heads/evil",
                "repository": {"clone_url": url, "git_url": url},
                "path": "../..",
                "source": "other",
            }
        ).encode()
        assert deliver(host, body, signature(body), "/hooks/infra?ref=evil&url=" + url.replace(" ", "+")) == 202
    eventually(lambda: fetches, what="a fetch")

    assert set(fetches) == {"infra"}
    assert before == followed(host)
    assert not [one for one in host.client.events() if one["event"] == "source-failed"]


def forgeries(count: int, seed: int) -> Iterator[tuple[bytes, dict[str, str]]]:
    """Deliveries that are nearly right, each in one of many ways wrong."""
    dice = random.Random(seed)
    for _ in range(count):
        body = dice.choice([PUSH, b"", b"{", b"[" * dice.randrange(1, 5000), dice.randbytes(dice.randrange(1, 4000))])
        good = signature(body)["X-Hub-Signature-256"]
        yield (
            body,
            dice.choice(
                [
                    {},
                    {"X-Hub-Signature-256": good[:-1]},
                    {"X-Hub-Signature-256": good.upper()},
                    {"X-Hub-Signature-256": good.removeprefix("sha256=")},
                    {"X-Hub-Signature-256": f" {good} x"},
                    {"X-Hub-Signature-256": ""},
                    {"X-Hub-Signature": good.replace("sha256", "sha1")},
                    {"X-Gitea-Signature": hmac.new(b"", body, hashlib.sha256).hexdigest()},
                    {"X-Gitlab-Token": SECRET[:-1]},
                    {"X-Gitlab-Token": dice.randbytes(16).hex()},
                    {"Authorization": f"Bearer {SECRET}"},
                    {**signature(body + b"x")},
                    {**signature(body, SECRET.upper())},
                    {**signature(body), "Content-Encoding": "gzip"},
                    {"webhook-id": "1", "webhook-timestamp": str(int(time.time())), "webhook-signature": "v1,AAAA"},
                ]
            ),
        )


def resident() -> int:
    """Bytes of this process, which the daemon is a part of."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.long)])
def test_no_forgery_gets_a_fetch_out_of_it_nor_any_memory(host: Running, fetches: list[str], count: int) -> None:
    for body, headers in forgeries(100, seed=1):
        deliver(host, body, headers)
    before, told = resident(), len(host.client.events())

    statuses = [deliver(host, body, headers) for body, headers in forgeries(count, seed=2)]

    assert set(statuses) <= {400, 401}
    assert not fetches
    assert resident() - before < 8 * 1024 * 1024
    assert len(host.client.events()) - told <= 2, "the board is not flooded"
    assert outcomes(host)["refused"] >= count * 0.9
    assert deliver(host, PUSH, signature(PUSH)) == 202, "and a good one is taken as ever"


@pytest.mark.parametrize("count", [100, pytest.param(1_000, marks=pytest.mark.long)])
def test_a_delivery_that_is_sent_again_is_fetched_for_once(host: Running, fetches: list[str], count: int) -> None:
    headers = signature(PUSH)
    statuses = [deliver(host, PUSH, {**headers, "X-GitHub-Delivery": str(number)}) for number in range(count)]

    assert set(statuses) == {202}
    eventually(lambda: fetches, what="the fetch")
    assert fetches == ["infra"]
    assert (1, count - 1) == (outcomes(host)["accepted"], outcomes(host)["repeated"])


def test_many_true_deliveries_are_fetched_for_a_few_times_and_the_last_one_is_not_lost(
    host: Running, repo: Repo, fetches: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "PAUSE", 0.5)
    for number in range(40):
        body = json.dumps({"number": number}).encode()
        assert deliver(host, body, signature(body)) == 202
    repo.write("stacks/shop/app.yml", APP.format(version=9))
    repo.commit()
    assert deliver(host, b"the last", signature(b"the last")) == 202

    eventually(lambda: [c.image for c in containers(host, "shop")] == ["web:9"], what="the last commit")  # type: ignore[attr-defined]
    assert len(fetches) <= webhooks.BURST + 20


def test_what_is_too_large_is_refused_before_it_is_read(host: Running, fetches: list[str]) -> None:
    head = (
        "POST /hooks/infra HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256=0\r\nContent-Length: 1073741824\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", host.port), timeout=20) as connection:
        connection.sendall(head.encode())
        assert b" 413 " in connection.recv(4096).split(b"\r\n")[0]
    before = resident()
    with socket.create_connection(("127.0.0.1", host.port), timeout=20) as connection:
        connection.sendall(head.replace("Content-Length: 1073741824", "Transfer-Encoding: chunked").encode())
        answer = _flood(connection)
    assert b" 413 " in answer.split(b"\r\n")[0] or not answer
    assert resident() - before < 16 * 1024 * 1024
    assert not fetches


def _flood(connection: socket.socket) -> bytes:
    """Send until it is answered or closed, 64 MiB at most."""
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    try:
        for _ in range(1024):
            connection.sendall(chunk)
        return connection.recv(4096)
    except ConnectionError:
        return b""


@pytest.mark.parametrize("silent", ["in the head", "in the body"])
def test_two_hundred_slow_connections_keep_nobody_out(host: Running, silent: str) -> None:
    head = "POST /hooks/infra HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256=0\r\nContent-Length: 100\r\n"
    with ExitStack() as held:
        for _ in range(200):
            connection = held.enter_context(socket.create_connection(("127.0.0.1", host.port), timeout=20))
            connection.sendall((head if silent == "in the head" else head + "\r\nslow").encode())
        for _ in range(20):
            assert host.ask("/healthz").status == 200


def test_a_slow_delivery_is_given_up_in_time(host: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "SECONDS", 0.2)
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)
    head = "POST /hooks/infra HTTP/1.1\r\nHost: x\r\nX-Hub-Signature-256: sha256=0\r\nContent-Length: 100\r\n"
    with socket.create_connection(("127.0.0.1", host.port), timeout=20) as connection:
        connection.sendall(f"{head}\r\nslow".encode())
        assert b" 408 " in connection.recv(4096)
    with socket.create_connection(("127.0.0.1", host.port), timeout=20) as connection:
        connection.sendall(head.encode())
        assert connection.recv(4096) == b"", "the head was not finished in time"


def test_both_secrets_count_while_one_takes_the_place_of_the_other(host: Running, folder: Path) -> None:
    (folder / "next").write_text("n" * 32)
    (folder / "host.yml").write_text(HOST.replace("./secret", "[./secret, ./next]"))
    host.client.order_host("reload")

    assert deliver(host, b"1", signature(b"1")) == 202
    assert deliver(host, b"2", signature(b"2", "n" * 32)) == 202
    (folder / "secret").unlink()
    assert deliver(host, b"3", signature(b"3")) == 401, "a secret that is taken away counts no more, at once"
    assert deliver(host, b"4", signature(b"4", "n" * 32)) == 202


@pytest.mark.parametrize("secret", ["", "short", "x" * 31, "whsec_" + "QUFB" * 10])
def test_a_short_secret_is_refused_where_it_is_named(folder: Path, secret: str) -> None:
    (folder / "secret").write_text(secret)

    with pytest.raises(Exception, match="no secret of at least 32 bytes") as caught:
        load_host(str(folder / "host.yml"))
    assert "host.yml:2" in str(caught.value)


def test_the_secret_is_nowhere_to_be_seen(host: Running, folder: Path) -> None:
    deliver(host, PUSH, {"X-Gitlab-Token": SECRET})
    deliver(host, PUSH, {"X-Gitlab-Token": SECRET[:-1]})
    seen = [json.dumps(host.client.events()), json.dumps(host.client.host()), json.dumps(host.client.stack("shop"))]
    seen += [threading.current_thread().name, str(host.daemon.host)]
    for place, _, names in os.walk(folder / "state"):
        seen += [Path(place, name).read_bytes().decode("latin-1") for name in names]

    assert not [text for text in seen if SECRET[:-1] in text]
