"""Which contexts from elsewhere a grant covers: the URL itself, what is below it, and all references unless it names one."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.admission.builds import is_granted
from orchestrator.errors import SpecError
from orchestrator.spec.host import permits_of
from tests.support import admission

COVERED = [
    ("https://github.com/acme/", "https://github.com/acme/app.git"),
    ("https://github.com/acme", "https://github.com/acme/app.git#v1:images/web"),
    ("https://github.com/acme/", "github.com/acme/app"),
    ("https://github.com/acme/app.git", "https://github.com/acme/app.git"),
    ("https://github.com/acme/app.git", "https://github.com/acme/app.git#main"),
    ("https://github.com/acme/app.git#v1", "https://github.com/acme/app.git#v1"),
    ("https://github.com/acme/app.git#v1", "https://github.com/acme/app.git#v1:images/web"),
    ("https://example.org/app.tar?version=1", "https://example.org/app.tar?version=1"),
    ("git://10.0.0.1:9418/app.git", "git://10.0.0.1:9418/app.git#v1"),
]
NOT_COVERED = [
    ("https://github.com/acme/", "https://github.com/acme-else/app.git"),
    ("https://github.com/acme", "https://github.com/acme-else/app.git"),
    ("https://github.com/acme/", "https://github.com/acme/../else/app.git"),
    ("https://github.com/acme/", "https://github.com/acme/%2e%2e/else/app.git"),
    ("https://github.com/acme/", "https://github.com/acme/\\..\\else/app.git"),
    ("https://github.com/acme/", "https://github.com/acme/app.tar?to=https://example.org"),
    ("https://github.com/acme/", "http://github.com/acme/app.git"),
    ("https://github.com", "https://github.com.example.org/app.git"),
    ("https://github.com/", "https://github.com@example.org/app.git"),
    ("https://github.com/acme/app.git", "https://github.com/acme/app.git.example"),
    ("https://github.com/acme/app.git#v1", "https://github.com/acme/app.git#v10"),
    ("https://github.com/acme/app.git#v1", "https://github.com/acme/app.git#v1/else"),
    ("https://github.com/acme/app.git#v1", "https://github.com/acme/app.git"),
]


@pytest.mark.parametrize(("grant", "context"), COVERED)
def test_covered(grant: str, context: str) -> None:
    assert is_granted(context, [grant])
    assert not is_granted(context, [])


@pytest.mark.parametrize(("grant", "context"), NOT_COVERED)
def test_not_covered(grant: str, context: str) -> None:
    assert not is_granted(context, ["https://example.org/others/", grant])


@pytest.mark.parametrize("grant", ["/srv/app", "https://", "ssh://git@example.org/app.git", "git@example.org:app.git"])
def test_what_could_grant_nothing_or_everything_is_no_grant(tmp_path: Path, grant: str) -> None:
    (tmp_path / "policy.yml").write_text(f"contexts: ['{grant}']\n")
    with pytest.raises(SpecError, match="contexts"):
        permits_of(str(tmp_path / "policy.yml"))


def test_a_spec_with_a_granted_context_is_admitted(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/app.yml").write_text(
        "services: {web: {build: {context: 'https://github.com/acme/app.git#v1', dockerfile: images/web}}}\n"
    )

    assert [("build-context", "app.yml", 1)] == admission.judged(tmp_path / "shop")
    assert [] == admission.judged(tmp_path / "shop", "contexts: ['https://github.com/acme/']")
