"""What Docker Compose accepts means the same here: its ``config`` and ours, read by the same reader, are equal.

Runs over every case file and over a generated corpus. A case that says ``<compose>`` is one where we differ on
purpose. What Compose refuses we may accept only where its newest version does (such cases say so); what it accepts we
may never refuse.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import StackError
from tests.support import compose, spec_cases, spec_corpus, spec_grammar
from tests.support.compose import Compose
from tests.support.spec_cases import Case

CASES = [case for case in spec_cases.all_cases() if "compose" not in case.said]
GENERATED = [*spec_corpus.alone(), *spec_corpus.pairs(), *spec_corpus.realistic(), *spec_grammar.all_of_it()]
# A case about one of our limits, which Compose does not have.
LIMITED = "STACK_LIMIT_"


@pytest.fixture(scope="session")
def peer(request: pytest.FixtureRequest) -> Compose:
    named = os.environ.get("STACK_TEST_COMPOSE")
    return compose.find(None if named else request.getfixturevalue("newer_programs"))


def test_the_corpus_is_large_enough() -> None:
    assert len(CASES) + len(GENERATED) >= 300


@pytest.mark.parametrize("case", [*CASES, *GENERATED], ids=lambda case: case.name)
def test_same_as_compose(case: Case, peer: Compose, tmp_path: Path) -> None:
    directory = tmp_path / "project"
    ours = spec_cases.load(case, directory)
    here = directory / case.said.get("directory", "").strip()
    environment = {key: value.replace("{here}", str(directory)) for key, value in case.environment.items()}
    arguments = [argument.replace("{here}", str(directory)) for argument in case.arguments]
    answer = peer.config(arguments, environment, here)

    if answer.error:
        assert isinstance(ours, StackError), f"Compose refuses this: {answer.error}"
    elif isinstance(ours, StackError):
        assert LIMITED in case.said.get("environment", ""), f"Compose accepts this: {ours}"
    else:
        assert _settled(spec_cases.plain(answer.text)) == _settled(spec_cases.printed(ours))


def _settled(model: Any) -> Any:
    """The model with what Compose prints in no particular order put in order."""
    for service in model.get("services", {}).values():
        build = service.get("build")
        if isinstance(build, dict) and isinstance(build.get("ssh"), list):
            build["ssh"].sort()
    return model
