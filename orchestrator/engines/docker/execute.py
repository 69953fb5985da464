"""One action into one deed: the table of which function carries out what.

Every function takes an ``Access``, its action, a progress callback and the wish to stop, is idempotent as far as
the engine lets it (what is already so is done), and returns text for the reader or raises an ``EngineError``.
"""

from __future__ import annotations

from typing import assert_never

from orchestrator.cancel import CancelToken
from orchestrator.engines.base import Progress
from orchestrator.engines.docker import execute_containers as containers
from orchestrator.engines.docker import execute_create as create
from orchestrator.engines.docker import execute_files as files
from orchestrator.engines.docker import execute_front as front
from orchestrator.engines.docker import execute_hooks as hooks
from orchestrator.engines.docker import execute_images as images
from orchestrator.engines.docker import execute_networks as networks
from orchestrator.engines.docker import execute_provider as provider
from orchestrator.engines.docker import secrets_in_memory as secrets
from orchestrator.engines.docker import waits
from orchestrator.engines.docker.access import Access
from orchestrator.model import actions


def execute(access: Access, action: actions.Action, progress: Progress, cancel: CancelToken) -> str:  # noqa: C901  # a table
    match action:
        case actions.PullImage():
            return images.pull(access, action, progress, cancel)
        case actions.BuildImage():
            return images.build(access, action, progress, cancel)
        case actions.TagImage():
            return images.tag(access, action)
        case actions.PushImage():
            return images.push(access, action, progress, cancel)
        case actions.RemoveImage():
            return images.remove(access, action)
        case actions.CreateNetwork():
            return networks.create(access, action)
        case actions.RemoveNetwork():
            return networks.remove(access, action)
        case actions.ConnectNetwork():
            return networks.connect(access, action)
        case actions.DisconnectNetwork():
            return networks.disconnect(access, action)
        case actions.CreateVolume():
            return networks.create_volume(access, action)
        case actions.RemoveVolume():
            return networks.remove_volume(access, action)
        case actions.CreateContainer():
            return create.create(access, action)
        case actions.ShipFiles():
            return files.ship(access, action)
        case actions.KeepSecrets():
            return secrets.keep(access.environment, action, access.engine_id())
        case actions.DropSecrets():
            return secrets.drop(access.environment, action, access.engine_id())
        case actions.StartContainer():
            return containers.start(access, action)
        case actions.StopContainer():
            return containers.stop(access, action)
        case actions.RestartContainer():
            return containers.restart(access, action)
        case actions.KillContainer():
            return containers.kill(access, action)
        case actions.PauseContainer():
            return containers.pause(access, action)
        case actions.UnpauseContainer():
            return containers.unpause(access, action)
        case actions.RenameContainer():
            return containers.rename(access, action)
        case actions.UpdateContainer():
            return containers.update(access, action)
        case actions.RemoveContainer():
            return containers.remove(access, action, cancel)
        case actions.AwaitContainer():
            return waits.wait(access, action, cancel)
        case actions.ConfigureFront():
            return front.configure(access, action, cancel)
        case actions.AwaitFront():
            return front.until_up(access, action, cancel)
        case actions.AwaitDrained():
            return front.drained(access, action, cancel)
        case actions.AwaitDelay():
            return waits.delay(action, cancel)
        case actions.RunHook():
            return hooks.run(access, action, progress, cancel)
        case actions.RunProvider():
            return provider.run(access, action, progress, cancel)
        case _:
            assert_never(action)
