"""The schema: complete in itself, and held by the fast check to the same yes and no as by a validator proper."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from orchestrator.errors import SchemaViolation
from orchestrator.spec import accept, advice, coverage, schema
from orchestrator.spec.document import Map, Mark
from orchestrator.spec.explain import explain
from orchestrator.spec.load import LoadRequest, load_canonical
from tests.support import spec_cases, specs

SCHEMA = schema.schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def properties() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every property: the definition it stands in ("" for the top level), its key, what the schema says of it."""
    for definition, node in [("", SCHEMA), *SCHEMA["$defs"].items()]:
        for key, said in node.get("properties", {}).items():
            yield definition, key, said


PROPERTIES = list(properties())
EXAMPLES = [(definition, key, example) for definition, key, said in PROPERTIES for example in said.get("examples", ())]


def _name(part: Any) -> str:
    return part if isinstance(part, str) else ""


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(("definition", "key", "said"), PROPERTIES, ids=_name)
def test_every_property_has_a_description_and_an_example(definition: str, key: str, said: dict[str, Any]) -> None:
    assert said.get("description", "").endswith(".")
    assert said.get("examples")


@pytest.mark.parametrize(("definition", "key", "example"), EXAMPLES, ids=_name)
def test_every_example_is_valid_and_loads(definition: str, key: str, example: Any, tmp_path: Any) -> None:
    document = specs.around(definition, key, example)
    specs.write(tmp_path, document)

    assert accept.Shape(SCHEMA).fits(document)
    assert [] == [error.message for error in VALIDATOR.iter_errors(document)]
    environment = {**spec_cases.PLAIN_ENVIRONMENT, "API_TOKEN": "t", "SITE_CONF": "s"}
    load_canonical(LoadRequest(environment=environment, current_directory=str(tmp_path)))


@pytest.mark.parametrize(("definition", "key", "said"), PROPERTIES, ids=_name)
def test_every_property_is_carried_out_or_said_not_to_be(definition: str, key: str, said: dict[str, Any]) -> None:
    assert coverage.outcome(definition, key), f"{definition}.{key}: read it, or say why it has no effect"


def test_what_is_read_into_the_model_is_read_out_of_it_again() -> None:
    """A row alone carries nothing out: somebody who acts has to ask for the attribute, or it is said to do nothing."""
    package = Path(advice.__file__).parents[1]
    texts = {path: path.read_text(encoding="utf-8") for path in package.rglob("*.py")}
    acting = [text for path, text in texts.items() if path.relative_to(package).parts[0] not in ("spec", "model")]
    asked_for = set(re.findall(r"\w+", "\n".join(acting))) | set(re.findall(r"\.(\w+)\b", "\n".join(texts.values())))
    idle = {(definition, key) for definition, key, attribute in coverage.rows() if attribute not in asked_for}

    assert idle == {(definition, key) for definition, said in coverage.ONLY_LOADED.items() for key in said}


@pytest.mark.parametrize("setting", [path for said in coverage.ONLY_LOADED.values() for path in said.values()])
def test_what_is_only_loaded_is_warned_of(setting: str) -> None:
    examples = {
        "generic_resources": "{resources: {reservations: {generic_resources: [{discrete_resource_spec: {kind: a, value: 1}}]}}}",
        "window": "{restart_policy: {window: 5s}}",
        "preferences": "{placement: {preferences: [{spread: a}]}}",
    }
    last = setting.rpartition(".")[2]
    field = "models: [m]" if last == "models" else f"deploy: {examples[last]}"
    text = f"services: {{web: {{image: x, {field}}}}}\nmodels: {{m: {{model: a}}}}"
    loaded = load_canonical(LoadRequest(files=("-",), stdin=text, project_name="shop"))

    assert setting.replace("*", "web") in {warning.where.path for warning in loaded.warnings}


@pytest.mark.parametrize("definition", sorted(SCHEMA["$defs"]))
def test_alternatives_differ_in_kind(definition: str) -> None:
    """The fast check takes the alternative that a value's kind points to; two of one kind would be lost."""
    for choices in _choices(SCHEMA["$defs"][definition]):
        kinds = [kind for branch in choices for kind in _kinds(branch)]
        assert len(kinds) == len(set(kinds))


def _choices(node: Any) -> Iterator[list[Any]]:
    if isinstance(node, dict):
        if "oneOf" in node:
            yield node["oneOf"]
        for below in node.values():
            yield from _choices(below)
    elif isinstance(node, list):
        for below in node:
            yield from _choices(below)


def _kinds(branch: dict[str, Any]) -> list[str]:
    if "$ref" in branch:
        return _kinds(SCHEMA["$defs"][branch["$ref"].rpartition("/")[2]])
    if "oneOf" in branch:
        return [kind for below in branch["oneOf"] for kind in _kinds(below)]
    kinds = branch["type"]
    return [kinds] if isinstance(kinds, str) else kinds


def test_all_problems_are_reported_in_the_order_of_the_file() -> None:
    document = specs.parsed("services:\n  web: {imge: x, prts: []}\n  api:\n    tty: [1]\nvolume: {}\n")

    with pytest.raises(SchemaViolation) as caught:
        schema.validate(document)

    paths = [str(problem.where).rpartition(", ")[2] for problem in (caught.value, *caught.value.others)]
    assert ["services.web.imge", "services.web.prts", "services.api.tty", "volume"] == paths


def test_a_thousand_bad_services_give_a_readable_number_of_problems() -> None:
    document = specs.parsed("services:\n" + "".join(f"  s{number}: {{imge: x}}\n" for number in range(1000)))

    with pytest.raises(SchemaViolation) as caught:
        schema.validate(document)

    assert schema.MAX_REPORTED == 1 + len(caught.value.others)


def test_what_is_no_mapping_is_no_spec() -> None:
    assert not schema.shape().fits([])
    with pytest.raises(SchemaViolation):
        schema.validate(Map([("services", 1)], Mark("app.yml", 1, 1)))


def test_explain_knows_every_property() -> None:
    for key, said in SCHEMA["$defs"]["service"]["properties"].items():
        told = explain(f"services.web.{key}")
        assert (said["description"], tuple(said["examples"])) == (told.description, told.examples)
        assert told.forms
