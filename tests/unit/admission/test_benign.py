"""What an ordinary stack asks for is not refused: every property of the schema by itself, and many at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from orchestrator.admission.check import Nobody, findings
from orchestrator.admission.hardening import hardened
from orchestrator.errors import SpecError
from orchestrator.model.admission import Admission
from orchestrator.spec.load import LoadRequest, load_canonical, stack_of
from tests.support import admission, spec_corpus
from tests.support.spec_cases import Case

# Of the examples in our schema these break a rule; all others do not.
REFUSED = {
    "svc-provider-0": "provider",
    "svc-network_mode-0": "host-network",
    "svc-external_links-0": "foreign-container",
    "svc-volumes_from-0": "foreign-container",
    "svc-privileged-0": "privileged",
    "svc-cap_add-0": "capability",
    "svc-userns_mode-0": "host-namespace",
    "svc-uts-0": "host-namespace",
    "svc-ipc-0": "host-namespace",
    "svc-pid-0": "host-namespace",
    "svc-cgroup_parent-0": "cgroup-parent",
    "svc-devices-0": "device",
    "svc-devices-1": "device",
    "svc-device_cgroup_rules-0": "device",
    "svc-gpus-0": "gpu",
    "svc-gpus-1": "gpu",
    "svc-oom_kill_disable-0": "oom",
    "svc-credential_spec-0": "security-opt",
    "svc-isolation-0": "runtime",
    "svc-post_start-0": "hook-user",
    "svc-use_api_socket-0": "bind",
    "build-context-1": "build-context",
    "build-ssh-0": "build-ssh",
    "build-ssh-1": "build-ssh",
    "build-cache_to-0": "build-cache",
    "build-network-0": "build-network",
    "build-privileged-0": "privileged",
    "build-entitlements-0": "build-entitlement",
    "network-driver_opts-0": "network-option",
    "network-external-0": "foreign-network",
    "ipam-options-0": "network-option",
    "volume-external-0": "foreign-volume",
    "config-external-0": "foreign-secret",
    "secret-external-0": "foreign-secret",
    "reservations-devices-0": "gpu",
    "hook-user-0": "hook-user",
    "hook-privileged-0": "privileged",
    "device-source-0": "device",
    "device-target-0": "device",
    "device-permissions-0": "device",
    "device-request-capabilities-0": "gpu",
    "device-request-count-0": "gpu",
    "device-request-count-1": "gpu",
    "device-request-device_ids-0": "gpu",
    "device-request-driver-0": "gpu",
    "device-request-options-0": "gpu",
    "provider-type-0": "provider",
    "provider-options-0": "provider",
    "credential-config-0": "security-opt",
    "credential-file-0": "security-opt",
    "credential-registry-0": "security-opt",
}
# Properties of a service whose examples are among them.
FORBIDDEN = {name.split("-")[1] for name in REFUSED if name.startswith("svc-")} | {"pre_stop"}
ENVIRONMENT = {"TOKEN": "t", "HOME": "/home/someone"}


def _judged(case: Case, folder: Path) -> set[str] | None:
    """The rules that a case breaks; None where it is no valid spec."""
    folder.mkdir()
    for name, text in case.files.items():
        (folder / name).write_text(text)
    request = LoadRequest(
        files=(str(folder / "compose.yaml"),),
        environment=ENVIRONMENT,
        current_directory=str(folder),
        project_name=admission.STACK,
    )
    try:
        canonical = load_canonical(request)
        stack = stack_of(canonical, key=b"k" * 32, read_contents=False)
    except SpecError:
        return None
    grants = Admission()
    setting = admission.setting(stack, folder, grants)
    found = findings(hardened(stack, grants), canonical.model, setting, Nobody())
    return {one.violation.rule for one in found}


def test_of_the_examples_in_the_schema_only_the_forbidden_are_refused(tmp_path: Path) -> None:
    judged = {
        case.name.removeprefix("alone/"): _judged(case, tmp_path / str(number))
        for number, case in enumerate(spec_corpus.alone())
    }

    assert {name: {rule} for name, rule in REFUSED.items()} == {name: rules for name, rules in judged.items() if rules}
    assert sum(rules == set() for rules in judged.values()) >= 250


def test_stacks_with_many_properties_are_not_refused(tmp_path: Path) -> None:
    judged = [_judged(_plain(case), tmp_path / str(number)) for number, case in enumerate(spec_corpus.realistic())]

    assert [set()] * 40 == judged


def _plain(case: Case) -> Case:
    document = json.loads(case.files["compose.yaml"])
    for service in document["services"].values():
        for key in FORBIDDEN.intersection(service):
            del service[key]
    return Case(case.name, case.name, {**case.files, "compose.yaml": json.dumps(document)}, {})


@pytest.mark.parametrize("name", ["files", "migration", "quickstart", "rolling"])
def test_our_examples_are_not_refused(name: str) -> None:
    folder = Path(__file__).parents[3] / "examples" / name
    stack, model = admission.loaded(folder)
    grants = Admission()

    found = findings(hardened(stack, grants), model, admission.setting(stack, folder, grants), Nobody())

    assert [] == [str(one) for one in found]
