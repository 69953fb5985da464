"""Whatever a stack from elsewhere may not ask for is refused, in each of its spellings, with the line that asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.admission.rules import FIRM, RULES
from tests.support import admission
from tests.support.admission import Case, forbidden

CASES = forbidden()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "outside.env").write_text("A=1\n")
    (tmp_path / "outside.yml").write_text("services:\n  web: {image: busybox}\n")
    return tmp_path / "checkout"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_is_refused_with_its_rule_and_its_line(checkout: Path, case: Case) -> None:
    case.write(checkout)

    found = admission.judged(checkout, case.policy)

    rules = {rule for rule, _, _ in found}
    assert case.rule in rules
    if case.place is not None:
        assert (case.rule, *case.place) in found


def test_the_matrix_has_eighty_constructs_and_two_spellings_of_each() -> None:
    constructs: dict[tuple[str, str], int] = {}
    for case in CASES:
        constructs[case.rule, case.about] = constructs.get((case.rule, case.about), 0) + 1

    assert len(constructs) >= 80
    assert not [name for name, count in constructs.items() if count < 2]


def test_every_rule_that_a_spec_can_break_is_in_the_matrix() -> None:
    assert {case.rule for case in CASES} == RULES.keys() - FIRM - {"signature"}
