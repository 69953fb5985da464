"""The client at a real engine: calls, errors, versions, streams, and connections that misbehave."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from orchestrator.engines.docker.client import Client
from orchestrator.engines.docker.endpoint import NEWEST_API
from orchestrator.errors import EngineError, EngineUnreachable, NotFound
from tests.support import faults
from tests.support.engines import Engine
from tests.support.projects import unique_name
from tests.support.proxy import Proxy


def connected(address: str, **environment: str) -> Client:
    return Client.from_environment({"HOME": "/nonexistent", "DOCKER_HOST": address, **environment})


@pytest.fixture
def client(each_engine: Engine) -> Iterator[Client]:
    with connected(each_engine.address) as made:
        yield made


def test_the_version_in_use_is_the_lower_of_the_engines_and_ours(client: Client, each_engine: Engine) -> None:
    assert min(each_engine.version, NEWEST_API) == client.api_version


def test_an_engine_as_new_as_us_is_asked_nothing_beside_the_question(newer_engine: Engine) -> None:
    with Proxy(newer_engine.address) as proxy, connected(proxy.address) as client:
        client.get_json("/containers/json")
        client.get_json("/networks")

        assert ["GET", "GET"] == [request.method for request in proxy.requests]
        assert 1 == proxy.connections


def test_an_older_engine_costs_one_refused_question_once(engine: Engine) -> None:
    with Proxy(engine.address) as proxy, connected(proxy.address) as client:
        client.get_json("/containers/json")
        client.get_json("/networks")

        older = engine.version < NEWEST_API
        assert [400, 200, 200][0 if older else 1 :] == [request.status for request in proxy.requests]


def test_a_pinned_version_is_used_as_it_is(each_engine: Engine) -> None:
    with Proxy(each_engine.address) as proxy, connected(proxy.address, DOCKER_API_VERSION="1.41") as client:
        client.get_json("/containers/json")

        assert (1, 41) == client.api_version
        assert [200] == [request.status for request in proxy.requests]


def test_a_pinned_version_the_engine_does_not_know_is_told_in_its_words(each_engine: Engine) -> None:
    with connected(each_engine.address, DOCKER_API_VERSION="1.99") as client:
        with pytest.raises(EngineError, match="too new"):
            client.get_json("/containers/json")


def test_what_does_not_exist_is_not_found_with_the_engines_words(client: Client) -> None:
    with pytest.raises(NotFound, match="No such container: nobody-has-this"):
        client.get_json("/containers/nobody-has-this/json")


def test_a_connection_serves_again_after_errors(each_engine: Engine) -> None:
    with Proxy(each_engine.address) as proxy, connected(proxy.address) as client:
        for _ in range(3):
            with pytest.raises(NotFound):
                client.get_json("/containers/nobody-has-this/json")
        client.head("/_ping")

        assert 1 == proxy.connections


def test_many_threads_share_a_client(client: Client) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: client.get_json("/version")["ApiVersion"], range(200)))

    assert 1 == len(set(answers))


def test_a_stream_read_to_its_end_gives_its_connection_back(each_engine: Engine) -> None:
    with Proxy(each_engine.address) as proxy, connected(proxy.address) as client:
        for _ in range(2):
            with client.stream("GET", "/events", {"since": "1", "until": "2"}) as stream:
                assert [] == list(stream.json())
        client.get_json("/version")

        assert 1 == proxy.connections


def test_closing_a_stream_ends_its_reader_at_once(client: Client) -> None:
    stream = client.stream("GET", "/events", {"filters": {"label": [unique_name("silent")]}})
    reader = threading.Thread(target=lambda: list(stream))
    reader.start()
    stream.close()
    reader.join(timeout=5)

    assert not reader.is_alive()


@pytest.mark.parametrize("when", ["before", "after"])
def test_reading_is_tried_again_where_a_kept_connection_has_died(each_engine: Engine, when: faults.When) -> None:
    with Proxy(each_engine.address, fault=faults.reset(match="GET /networks", when=when)) as proxy:
        with connected(proxy.address) as client:
            client.get_json("/version")

            assert isinstance(client.get_json("/networks"), list)


def test_a_change_whose_answer_is_lost_is_never_sent_twice(each_engine: Engine) -> None:
    """The engine has done it; whether to do it again is for whoever reads the state first."""
    name = unique_name("lost")
    with Proxy(each_engine.address, fault=faults.reset(match="POST /volumes/create", when="after")) as proxy:
        with connected(proxy.address) as client:
            client.get_json("/version")
            with pytest.raises(EngineUnreachable) as caught:
                client.post_json("/volumes/create", None, {"Name": name})
            found = client.get_json(f"/volumes/{name}")
            client.delete(f"/volumes/{name}")

        assert "engine-reply-lost" == caught.value.ref
        assert name == found["Name"]
        assert 1 == sum(request.path == "/volumes/create" for request in proxy.requests)


def test_an_engine_that_does_not_answer_is_given_up_and_the_call_named(each_engine: Engine) -> None:
    with Proxy(each_engine.address, fault=faults.stall(match="GET /networks")) as proxy:
        with connected(proxy.address) as client:
            client.get_json("/version")
            with pytest.raises(EngineUnreachable, match=r"did not answer GET /networks within 0\.2 s") as caught:
                client.get_json("/networks", {"filters": {"label": ["secret"]}}, timeout=0.2)

    assert "engine-timeout" == caught.value.ref
    assert "secret" not in str(caught.value)


def test_a_body_can_be_sent_as_it_is_made(client: Client) -> None:
    """Put in pieces; an engine that refuses in the middle is still understood."""
    with pytest.raises(NotFound, match="nobody-has-this"):
        client.put("/containers/nobody-has-this/archive", {"path": "/"}, (b"x" * 65536 for _ in range(200)))


def test_an_absent_socket_says_what_was_tried_and_what_to_do(tmp_path: Path) -> None:
    with connected(f"unix://{tmp_path}/no.sock") as client, pytest.raises(EngineUnreachable) as caught:
        client.get_json("/version")

    assert f"unix://{tmp_path}/no.sock (from DOCKER_HOST): no such file or directory" in caught.value.message
    assert "DOCKER_HOST" in caught.value.hint
    assert caught.value.retryable


def test_a_file_that_is_no_socket_and_a_socket_nobody_listens_on_are_unreachable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    deserted = socket.socket(socket.AF_UNIX)
    deserted.bind(str(tmp_path / "deserted"))
    deserted.close()

    for name in ("file", "deserted"):
        with connected(f"unix://{tmp_path}/{name}") as client, pytest.raises(EngineUnreachable, match="refused"):
            client.get_json("/version")


class Peer:
    """Something that listens on a Unix socket and answers every request with the same bytes."""

    def __init__(self, folder: Path, answer: bytes) -> None:
        self.address = f"unix://{folder}/peer.sock"
        self._answer = answer
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{folder}/peer.sock")
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(self._answer)

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()


def test_an_engine_older_than_supported_is_refused_with_words(tmp_path: Path) -> None:
    refusal = b"HTTP/1.1 400 Bad Request\r\nApi-Version: 1.40\r\nContent-Length: 2\r\n\r\n{}"
    with Peer(tmp_path, refusal) as peer, connected(peer.address) as client:
        with pytest.raises(EngineError, match=r"speaks API 1\.40; at least 1\.41") as caught:
            client.get_json("/version")

    assert "engine-too-old" == caught.value.ref


@pytest.mark.parametrize(
    "answer", [b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"]
)
def test_what_is_no_engine_is_told_without_a_traceback(tmp_path: Path, answer: bytes) -> None:
    with Peer(tmp_path, answer) as peer, connected(peer.address) as client:
        with pytest.raises(EngineUnreachable, match="GET /version"):
            client.get_json("/version")


def test_an_answer_that_is_no_json_is_an_error_of_the_engine(tmp_path: Path) -> None:
    with Peer(tmp_path, b"HTTP/1.1 200 OK\r\n\r\n<html>") as peer, connected(peer.address) as client:
        with pytest.raises(EngineError, match="not JSON"):
            client.get_json("/version")
