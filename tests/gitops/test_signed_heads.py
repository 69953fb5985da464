"""A source that demands signatures stays at the last head that had a good one, and says which key it is that does not count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.gitops.follower import Follower
from orchestrator.gitops.repository import Ref, Repository
from orchestrator.gitops.signatures import Verify
from tests.support.gitrepos import Repo
from tests.support.signers import OpenPgp, Signers, Ssh


@pytest.fixture(params=[Ssh, OpenPgp])
def signers(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Signers]:
    kind: Callable[[Path], Signers] = request.param
    made = kind(tmp_path / "signers")
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    made = Repo(tmp_path / "repo")
    made.write("app.yml", "services: {}\n")
    return made


def follower_of(repo: Repo, tmp_path: Path, signers: Signers) -> Follower:
    return Follower(
        Repository(repo.url, str(tmp_path / "state")),
        Ref(),
        interval=1.0,
        changed=lambda: None,
        chance=lambda: 0.5,
        how=Verify.COMMIT,
        keys=str(signers.keys),
    )


BAD = ("unsigned", "signature on the parent alone", "stranger", "expired", "changed after it was signed", "revoked")


@pytest.mark.parametrize("case", BAD)
def test_a_head_without_a_good_signature_is_not_taken(case: str, signers: Signers, repo: Repo, tmp_path: Path) -> None:
    good = signers.sign(repo, "good")
    follower = follower_of(repo, tmp_path, signers)
    follower.fetch()
    assert follower.head is not None, follower.trouble
    assert good == follower.head.commit
    match case:
        case "unsigned" | "signature on the parent alone":
            repo.commit("not signed", "--no-gpg-sign")
        case "stranger":
            signers.sign(repo, "stranger")
        case "expired":
            signers.sign(repo, "late")
        case "revoked":
            signers.sign(repo, "good")
            signers.revoke()
        case _:
            text = repo.git("cat-file", "commit", signers.sign(repo, "good")).replace("signed by", "signed for")
            repo.git("update-ref", "HEAD", repo.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=text + "\n"))
    follower.fetch()

    assert good == follower.head.commit
    assert follower.trouble is not None
    assert "signature-refused" == follower.trouble.ref
    assert signers.said.get(case, "signature") in follower.trouble.message
    assert not Path(follower.repository.directory, "checkouts", repo.git("rev-parse", "HEAD")).exists()


def test_a_tag_that_was_signed_under_another_name_does_not_count(signers: Signers, repo: Repo, tmp_path: Path) -> None:
    """Who can write to the repository can give an old signed tag a new name."""
    signers.sign(repo, "good")
    repo.git("tag", "-s", "v1.0.0", "-m", "signed")
    repo.git("update-ref", "refs/tags/v2.0.0", "refs/tags/v1.0.0")
    made = [
        Follower(
            Repository(repo.url, str(tmp_path / "state")),
            ref,
            interval=1.0,
            changed=lambda: None,
            chance=lambda: 0.5,
            how=Verify.BOTH,
            keys=str(signers.keys),
        )
        for ref in (Ref(tag="v1.0.0"), Ref(semver="~1.0"), Ref(tag="v2.0.0"), Ref(semver=">=1"))
    ]
    for follower in made:
        follower.fetch()

    assert [True, True, False, False] == [follower.head is not None for follower in made]
    assert "was signed as the tag v1.0.0" in str(made[2].trouble)
