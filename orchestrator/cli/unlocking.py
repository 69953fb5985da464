"""The keys and stores of whoever runs a command: the keys that sops would use, and the stores that the host's file describes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial

from orchestrator.cli.wiring import Context
from orchestrator.model.host import SecretStore
from orchestrator.secrets.keys import of_user
from orchestrator.secrets.opening import Opening
from orchestrator.secrets.stores import Granted, Stores

CONFIG, VARIABLE = "/etc/stack/host.yml", "STACK_CONFIG"


def opening(context: Context) -> Opening:
    return Opening(keys=partial(of_user, context.environment), stores=stores(context))


def stores(context: Context) -> Granted:
    """The stores of the host file that ``STACK_CONFIG`` names, or that is at the usual place; all of them."""
    return Stores(_declared(context.environment), context.environment, say=context.say).granted(None)


def _declared(environment: Mapping[str, str]) -> Mapping[str, SecretStore]:
    named = environment.get(VARIABLE, "")
    if not named and not os.access(CONFIG, os.R_OK):
        return {}
    from orchestrator.spec.host import load_host

    return load_host(named or CONFIG).secret_stores
