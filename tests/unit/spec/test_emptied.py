"""What a variable left empty is dropped, as Compose does it; where nothing can be without it, the place is told."""

from __future__ import annotations

import pytest

from orchestrator.errors import RuleViolation
from orchestrator.spec.load import LoadRequest, load_canonical, load_stack

SERVICES = """services:
  web:
    image: x
    {}
"""


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (SERVICES.format("build: {context: '${NOTHING}'}"), "services.web.build.context"),
        (SERVICES.format("build: '${NOTHING}'"), "services.web.build.context"),
        (SERVICES.format("provider: {type: '${NOTHING}'}"), "services.web.provider.type"),
        (SERVICES.format("devices: ['${NOTHING}:/dev/a']"), "services.web.devices[0].source"),
        (SERVICES.format("models: [m]") + "models: {m: {model: '${NOTHING}'}}", "models.m.model"),
    ],
)
def test_a_key_that_cannot_be_empty_is_named_with_its_place(text: str, path: str) -> None:
    request = LoadRequest(files=("-",), stdin=text, current_directory="/", project_name="shop")
    load_canonical(request)
    with pytest.raises(RuleViolation) as caught:
        load_stack(request)

    assert "is empty" in caught.value.message
    assert caught.value.where is not None
    assert path == caught.value.where.path
    assert caught.value.where.line
