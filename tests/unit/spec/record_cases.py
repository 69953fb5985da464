"""Completes new case files: ``python -m tests.unit.spec.record_cases PROGRAMS`` adds what Compose makes of them as
``<model>``.

Where Compose fails, or the case says ``<compose>``, ours is added for the author to read; so is the error. Existing
expectations are never touched.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from orchestrator.errors import StackError
from orchestrator.spec import render
from tests.support import compose, spec_cases


def main(programs: str) -> None:
    peer = compose.find(Path(programs))
    for path in sorted(spec_cases.CASES.rglob("*.case")):
        case = spec_cases.read(path)
        if not {"model", "error", "warnings"} & case.said.keys():
            with tempfile.TemporaryDirectory() as directory:
                section = _expected(case, peer, Path(directory).resolve() / "project")
            text = path.read_text(encoding="utf-8")
            path.write_text(text.rstrip("\n") + f"\n{section}", encoding="utf-8")


def _expected(case: spec_cases.Case, peer: compose.Compose, directory: Path) -> str:
    result = spec_cases.load(case, directory)
    here = directory / case.said.get("directory", "").strip()
    environment = {key: value.replace("{here}", str(directory)) for key, value in case.environment.items()}
    answer = peer.config([a.replace("{here}", str(directory)) for a in case.arguments], environment, here)
    if isinstance(result, StackError):
        print(f"{case.name}: error: {result}\n   Compose: {answer.error or 'accepts it'}")
        return f"==== <error>\n{result}\n".replace(str(directory), "{here}")
    ours = render.to_yaml(result)
    if answer.error or "compose" in case.said:
        print(f"{case.name}: Compose: {answer.error or 'differs'}")
        return f"==== <model>\n{ours}".replace(str(directory), "{here}")
    if spec_cases.plain(ours) != spec_cases.plain(answer.text):
        print(f"{case.name}: NOT EQUAL\n--- ours\n{ours}--- Compose\n{answer.text}")
    return f"==== <model>\n{answer.text}".replace(str(directory), "{here}")


if __name__ == "__main__":
    main(sys.argv[1])
