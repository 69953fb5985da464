"""The HTTP reader takes an answer apart the same way however its bytes are torn, and refuses what is none."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.engines.docker.wire import (
    BodyUntilClose,
    ChunkedBody,
    Connection,
    CountedBody,
    WireError,
    as_chunks,
    body_of,
    parse_head,
    quote,
    request_head,
)


@pytest.fixture
def peer() -> Iterator[tuple[Connection, socket.socket]]:
    ours, theirs = socket.socketpair()
    connection = Connection(ours)
    connection.limit(total=5)
    try:
        yield connection, theirs
    finally:
        connection.close()
        theirs.close()


def read_all(connection: Connection, method: str = "GET") -> tuple[int, bytes]:
    head = connection.read_head()
    body = body_of(head, method)
    content = b""
    while not body.done:
        data = connection.receive()
        if not data:
            body.end()
            break
        content += body.feed(data)
    return head.status, content


def send_in_pieces(sock: socket.socket, data: bytes, size: int) -> None:
    for start in range(0, len(data), size):
        sock.sendall(data[start : start + size])


COUNTED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nApi-Version: 1.41\r\n\r\nhello"
CHUNKED = (
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"3\r\nhel\r\n2;extension=1\r\nlo\r\n0\r\nTrailer: x\r\nAnother: y\r\n\r\n"
)
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + COUNTED


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("answer", [COUNTED, CHUNKED, INTERIM], ids=["counted", "chunked", "after interim answers"])
def test_an_answer_is_the_same_however_its_bytes_are_torn(
    peer: tuple[Connection, socket.socket], answer: bytes, size: int
) -> None:
    connection, other = peer
    sender = threading.Thread(target=send_in_pieces, args=(other, answer, size))
    sender.start()

    assert (200, b"hello") == read_all(connection)

    sender.join()


def test_two_answers_in_one_packet_are_kept_apart(peer: tuple[Connection, socket.socket]) -> None:
    connection, other = peer
    other.sendall(b"HTTP/1.1 204 No Content\r\n\r\n" + COUNTED)

    assert (204, b"") == read_all(connection)
    assert (200, b"hello") == read_all(connection)


def test_an_answer_without_a_length_ends_with_the_connection(peer: tuple[Connection, socket.socket]) -> None:
    connection, other = peer
    other.sendall(b"HTTP/1.1 200 OK\r\n\r\nhel")
    other.sendall(b"lo")
    other.close()

    assert (200, b"hello") == read_all(connection)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("status", [200, 204, 304])
def test_answers_that_have_no_body_are_not_waited_for(
    peer: tuple[Connection, socket.socket], method: str, status: int
) -> None:
    connection, other = peer
    length = b"" if (method, status) == ("GET", 200) else b"Content-Length: 5\r\n"
    other.sendall(b"HTTP/1.1 %d X\r\n%b\r\n" % (status, length))
    if (method, status) == ("GET", 200):
        other.close()

    assert (status, b"") == read_all(connection, method)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        b"SSH-2.0-OpenSSH_9\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n : empty name\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 16 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 5000,
        b"HTTP/1.1 200 OK\r\n" + b"X-Long: y\r\n" * 10_000,
    ],
)
def test_what_is_no_answer_is_refused_and_never_waited_for(
    peer: tuple[Connection, socket.socket], answer: bytes
) -> None:
    connection, other = peer
    sender = threading.Thread(target=_send_and_close, args=(other, answer))
    sender.start()

    with pytest.raises((WireError, ConnectionError)):
        read_all(connection)

    connection.close()
    sender.join()


def _send_and_close(sock: socket.socket, data: bytes) -> None:
    try:
        sock.sendall(data)
    except ConnectionError:
        pass  # refused in the middle, as it should be
    sock.close()


def test_a_deadline_holds_against_a_peer_that_drips(peer: tuple[Connection, socket.socket]) -> None:
    """Each byte arrives in time, the whole never does."""
    connection, other = peer
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.01):
            other.sendall(b"H")

    dripper = threading.Thread(target=drip)
    dripper.start()
    connection.limit(total=0.2)
    try:
        with pytest.raises(TimeoutError):
            connection.read_head()
    finally:
        stop.set()
        dripper.join()


def test_silence_ends_a_stream_that_is_bounded_by_activity(peer: tuple[Connection, socket.socket]) -> None:
    connection, other = peer
    connection.limit(activity=0.05)
    other.sendall(b"x")

    assert b"x" == connection.receive()
    with pytest.raises(TimeoutError):
        connection.receive()


def test_a_blocked_reader_can_be_woken_from_another_thread(peer: tuple[Connection, socket.socket]) -> None:
    connection, _ = peer
    connection.limit()
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(connection.receive()))
    reader.start()
    connection.interrupt()
    reader.join(timeout=5)

    assert [b""] == got


def test_an_idle_connection_is_good_until_the_peer_leaves_or_speaks(peer: tuple[Connection, socket.socket]) -> None:
    connection, other = peer

    assert connection.idle()
    other.sendall(b"?")
    assert not connection.idle()
    connection.receive()
    other.close()
    assert not connection.idle()


@given(
    pieces=st.lists(st.binary(max_size=50)), cuts=st.lists(st.integers(1, 20), min_size=1), rest=st.binary(max_size=9)
)
def test_chunks_come_out_as_they_went_in(pieces: list[bytes], cuts: list[int], rest: bytes) -> None:
    data = b"".join(as_chunks(pieces)) + rest
    body, content = ChunkedBody(), b""
    while data and not body.done:
        size = cuts[0]
        cuts = [*cuts[1:], size]
        content += body.feed(data[:size])
        data = data[size:]

    assert body.done
    assert b"".join(pieces) == content
    assert rest == body.rest + data


def test_a_counted_body_leaves_what_follows() -> None:
    body = CountedBody(3)

    assert b"ab" == body.feed(b"ab")
    assert b"c" == body.feed(b"cd")
    assert (True, b"d") == (body.done, body.rest)


def test_a_body_until_close_is_never_done_before_the_end() -> None:
    body = BodyUntilClose()

    assert b"x" == body.feed(b"x")
    assert not body.done
    body.end()
    assert body.done


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (b"HTTP/1.1 200 OK", True),
        (b"HTTP/1.1 200 OK\r\nConnection: close", False),
        (b"HTTP/1.0 200 OK", False),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive", True),
    ],
)
def test_the_head_says_whether_the_connection_may_be_used_again(raw: bytes, kept: bool) -> None:
    assert kept is parse_head(raw).keep_alive


@pytest.mark.parametrize("name", ["/x\r\nHost: evil", "/x\nX: y"])
def test_a_line_break_cannot_be_smuggled_into_a_request(name: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        request_head("GET", name, "docker", {})


@pytest.mark.parametrize(
    ("text", "quoted"), [("plain-1.2_x~", "plain-1.2_x~"), ("a b/c&d=ü", "a%20b%2Fc%26d%3D%C3%BC"), ("", "")]
)
def test_query_values_are_quoted(text: str, quoted: str) -> None:
    assert quoted == quote(text)
