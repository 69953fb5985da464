"""Networks: which one each key of the file means now, what has to be created or rebuilt, what is left over.

``arrange`` answers with a ``Place`` per network in use. A network cannot be changed, so one whose definition differs is
rebuilt: everything of ours leaves it, it is removed, created anew, and everything joins again. Strangers are never
detached.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.model import fingerprint, naming
from orchestrator.model.actions import ConnectNetwork, CreateNetwork, DisconnectNetwork, RemoveNetwork
from orchestrator.model.observed import ObservedContainer, ObservedNetwork, ObservedState
from orchestrator.model.plan import Difference
from orchestrator.model.stack import AddressPool, Network
from orchestrator.model.values import Attachment
from orchestrator.planner.draft import Draft, Id
from orchestrator.planner.situation import Situation, ref
from orchestrator.records import dataclass, field, replace

_DEFAULT_DRIVERS = ("bridge", "nat", "overlay")  # of the engine's kinds, where the file names none


@dataclass(slots=True)
class Place:
    """Where a key of the file leads: the engine's network (``id`` "" while there is none) and the step that makes it.

    Of a rebuilt network, ``detached`` are the first steps that running containers feel, and ``rejoined`` maps containers
    to the steps that attach them again.
    """

    name: str
    id: str = ""
    step: Id | None = None
    detached: tuple[Id, ...] = ()
    rejoined: Mapping[str, Id] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """What to attach to: the id where known, because names need not be unique."""
        return self.id or self.name


def arrange(situation: Situation, draft: Draft) -> dict[str, Place]:
    """A place for every network that a wanted service uses, with the steps that create or rebuild it."""
    used = {key for service in situation.wanted for key in service.container.networks}
    networks = situation.desired.networks
    places = {key: _place(situation, draft, networks[key]) for key in sorted(used) if key in networks}
    return {key: place for key, place in places.items() if place is not None}


def chosen(observed: ObservedState, wanted: Network) -> ObservedNetwork | None:
    """Of several networks of one name: ours before others', then the oldest."""
    candidates = [network for network in observed.networks if network.name == wanted.name]
    return min(candidates, key=lambda n: (not n.owned, n.created_at, n.id), default=None)


def leftovers(observed: ObservedState, wanted: Network) -> tuple[ObservedNetwork, ...]:
    """Networks of ours that stood for this key and no longer do: twins of one name, and those of a former name."""
    if wanted.external:
        return ()
    kept = chosen(observed, wanted)
    return tuple(
        network
        for network in sorted(observed.networks, key=lambda n: (n.name, n.created_at, n.id))
        if network.owned
        and (kept is None or network.id != kept.id)
        and (network.key == wanted.key or (not network.key and network.name == wanted.name))
    )


def changes(wanted: Network, present: ObservedNetwork) -> tuple[Difference, ...]:
    """What of the definition differs. What the file does not say is the engine's choice, unless it once was said."""
    pairs: list[tuple[str, object, object]] = [
        ("driver", present.driver, wanted.driver or _default_driver(present.driver)),
        ("internal", present.internal, wanted.internal),
        ("attachable", present.attachable, wanted.attachable),
        ("enable_ipv4", present.enable_ipv4, _said(wanted.enable_ipv4, present.enable_ipv4)),
        ("enable_ipv6", present.enable_ipv6, _said(wanted.enable_ipv6, present.enable_ipv6)),
        ("ipam.driver", present.ipam_driver or "default", wanted.ipam_driver or present.ipam_driver or "default"),
    ]
    if _pools_differ(wanted, present):
        pairs.append(("ipam.config", _pools(present.ipam), _pools(wanted.ipam)))
    found = [Difference(_path(wanted, name), _word(was), _word(will)) for name, was, will in pairs if was != will]
    found += _options(wanted, "driver_opts", present.driver_opts, wanted.driver_opts)
    found += _options(wanted, "ipam.options", present.ipam_options, wanted.ipam_options)
    found += _options(wanted, "labels", _own(present.labels), wanted.labels)
    if not found and _was_said_otherwise(wanted, present):
        found.append(Difference(_path(wanted, "definition"), "what it was created with", "what the file says now"))
    return tuple(found)


def _place(situation: Situation, draft: Draft, wanted: Network) -> Place | None:
    present = chosen(situation.observed, wanted)
    where = situation.desired.where(f"networks.{wanted.key}")
    if present is None and wanted.external:
        draft.error(
            f"network {wanted.name} declared as external, but could not be found; create it with "
            f"`docker network create {wanted.name}`, or remove `external: true`",
            where=where,
            reference="external-missing",
        )
        return None
    if present is None:
        made = draft.add(CreateNetwork(network=labelled(situation, wanted)), "does not exist yet")
        return Place(wanted.name, step=made)
    if wanted.external:
        return Place(present.name, present.id)
    if not present.owned:
        draft.warn(
            f'network "{present.name}" exists and was not created by this stack; it is used as it is '
            "(declare it with `external: true` to say so)",
            where=where,
            reference="foreign-network",
        )
        return Place(present.name, present.id)
    differs = changes(wanted, present)
    return _rebuilt(situation, draft, wanted, present, differs) if differs else Place(present.name, present.id)


def _rebuilt(
    situation: Situation, draft: Draft, wanted: Network, present: ObservedNetwork, differs: tuple[Difference, ...]
) -> Place | None:
    ours = {container.id for container in situation.observed.containers}
    strangers = sorted(set(present.attached) - ours)
    if strangers:
        draft.error(
            f'network "{present.name}" has to be rebuilt ({differs[0]}), but containers of others are attached to it: '
            f"{', '.join(container[:12] for container in strangers)}; detach them first",
            where=situation.desired.where(f"networks.{wanted.key}"),
            reference="network-in-use",
        )
        return None
    group = f"rebuild network {present.name}"
    reason = "; ".join(difference.words for difference in differs[:3])
    inside = [c for c in situation.everything if any(e.network_id == present.id for e in c.endpoints)]
    left = {
        c.id: draft.add(DisconnectNetwork(container=ref(c), network=present.id), reason, group=group) for c in inside
    }
    removed = draft.add(RemoveNetwork(name=present.name, id=present.id), reason, after=left.values(), group=group)
    made = draft.add(
        CreateNetwork(network=labelled(situation, wanted)), reason, after=[removed], group=group, differences=differs
    )
    joined = {c.id: _join_again(situation, draft, c, wanted, made, group) for c in inside}
    felt = tuple(left[container.id] for container in inside if container.running)
    return Place(wanted.name, step=made, detached=felt, rejoined=joined)


def _join_again(
    situation: Situation, draft: Draft, container: ObservedContainer, wanted: Network, made: Id, group: str
) -> Id:
    service = situation.desired.services.get(container.service)
    how = service.container.networks.get(wanted.key) if service else None
    action = ConnectNetwork(container=ref(container), network=wanted.name, attachment=how or Attachment())
    return draft.add(action, "the network was rebuilt", after=[made], group=group)


def labelled(situation: Situation, wanted: Network) -> Network:
    """The network with all labels it is created with."""
    mark = fingerprint.of_network(wanted)
    ours = {
        naming.PROJECT: situation.desired.name,
        naming.NETWORK: wanted.key,
        naming.VERSION: naming.VERSION_VALUE,
        naming.CONFIG_HASH: mark,
        naming.FINGERPRINT: mark,
    }
    return replace(wanted, labels={**wanted.labels, **ours})


def _was_said_otherwise(wanted: Network, present: ObservedNetwork) -> bool:
    """Our own mark tells what cannot be read back: a setting that was in the file and is not any more."""
    mark = present.labels.get(naming.FINGERPRINT, "")
    return bool(mark) and mark != fingerprint.of_network(wanted)


def _default_driver(present: str) -> str:
    return present if present in _DEFAULT_DRIVERS else _DEFAULT_DRIVERS[0]


def _said(wanted: bool | None, present: bool | None) -> bool | None:
    return present if wanted is None or present is None else wanted


def _pools(pools: tuple[AddressPool, ...]) -> str:
    rows = []
    for pool in pools:
        extra = ",".join(f"{name}={address}" for name, address in sorted(pool.aux_addresses.items()))
        rows.append(" ".join(part for part in (pool.subnet, pool.ip_range, pool.gateway, extra) if part))
    return ", ".join(sorted(rows))


def _pools_differ(wanted: Network, present: ObservedNetwork) -> bool:
    """Every pool asked for must be there, with at least what was asked; the engine fills in the rest."""
    return not all(any(_fits(asked, found) for found in present.ipam) for asked in wanted.ipam)


def _fits(asked: AddressPool, found: AddressPool) -> bool:
    pairs = ((asked.subnet, found.subnet), (asked.ip_range, found.ip_range), (asked.gateway, found.gateway))
    return all(not want or want == have for want, have in pairs) and all(
        found.aux_addresses.get(name) == address for name, address in asked.aux_addresses.items()
    )


def _options(wanted: Network, name: str, before: Mapping[str, str], after: Mapping[str, str]) -> list[Difference]:
    """Options asked for and not so; options beyond these may be the engine's own (default network options)."""
    return [
        Difference(_path(wanted, f"{name}.{key}"), before.get(key, ""), value)
        for key, value in sorted(after.items())
        if before.get(key) != value
    ]


def _own(labels: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in labels.items() if not naming.is_reserved(name)}


def _path(wanted: Network, name: str) -> str:
    return f"networks.{wanted.key}.{name}"


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value or "")
