"""What engines would refuse half-way is refused with the file, and what they take is taken."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orchestrator.spec import spellings
from orchestrator.spec.values import BadValue

DIGEST = "sha256:" + "ab" * 32


@pytest.mark.parametrize(
    ("check", "text"),
    [
        *(
            (spellings.image, text)
            for text in ("nginx", "a/b/c:1.2-x_y", "localhost/x", "Registry:5000/a__b.c", "127.0.0.1:5000/a")
        ),
        *(
            (spellings.image, text)
            for text in (f"a@{DIGEST}", f"r.io/a--b:t@{DIGEST}", DIGEST, "[2001:db8::1]:5000/a", "ab" * 32)
        ),
        (spellings.ipv4, "10.0.0.1"),
        (spellings.ipv6, "fd00::1"),
        *((spellings.mac, text) for text in ("02:42:ac:11:65:43", "02-42-AC-11-65-43", "0242.ac11.6543")),
        *((spellings.mounted_at, text) for text in ("/x", "x", "/..x", "C:\\\\x")),
        *((check, "") for check in (spellings.image, spellings.ipv4, spellings.ipv6, spellings.mac)),
    ],
)
def test_it_is_taken_as_it_is(check: Callable[[str], str], text: str) -> None:
    assert text == check(text)


@pytest.mark.parametrize(
    ("check", "text"),
    [
        *(
            (spellings.image, text)
            for text in ("UPPER case", "/app", "a:", "a//b", "a@sha256:12", "a b", "nginx:-1", "Nginx")
        ),
        *((spellings.ipv4, text) for text in ("300.1.1.1", "fd00::1", "host", "10.0.0.1/24", "010.0.0.1")),
        *((spellings.ipv6, text) for text in ("10.0.0.1", "fd00:::1")),
        *((spellings.mac, text) for text in ("zz", "02:42:ac:11:65", "02:42-ac:11:65:43")),
        *((spellings.mounted_at, text) for text in ("/", "//", "/.", "/./")),
    ],
)
def test_it_is_refused(check: Callable[[str], str], text: str) -> None:
    with pytest.raises(BadValue):
        check(text)


def test_a_name_in_capitals_is_put_right() -> None:
    with pytest.raises(BadValue) as refused:
        spellings.image("Nginx:1.27")

    assert "write nginx:1.27" in str(refused.value.problems)
