"""Every case file holds. A new test of the loader is a new file below ``cases/``; tests.support.spec_cases says how."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import StackError
from tests.support import spec_cases
from tests.support.spec_cases import Case

CASES = spec_cases.all_cases()


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_case(case: Case, tmp_path: Path) -> None:
    directory = tmp_path / "project"
    result = spec_cases.load(case, directory)

    if "error" in case.said:
        assert isinstance(result, StackError), "an error was expected"
        shown = f"{result}\nreference: {result.ref}".replace(str(directory), "{here}")
        missing = [line for line in case.said["error"].splitlines() if line.strip() not in shown]
        assert not missing, f"not in:\n{shown}"
        return
    if isinstance(result, StackError):
        raise result
    if "model" in case.said:
        assert spec_cases.plain(case.said["model"].replace("{here}", str(directory))) == spec_cases.printed(result)
    if "warnings" in case.said:
        told = "\n".join(f"{text} at {where}" for text, where in result.warnings).replace(str(directory), "{here}")
        assert case.said["warnings"].strip() == told


def test_every_case_expects_something() -> None:
    lacking = [case.name for case in CASES if not {"model", "error", "warnings"} & case.said.keys()]

    assert [] == lacking
