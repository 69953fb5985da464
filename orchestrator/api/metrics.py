"""Figures for Prometheus, made from the board when they are asked for; only what cannot be read off it is counted along."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from orchestrator.api.control import Control
from orchestrator.controller.sources import Why
from orchestrator.controller.status import Phase

CONTENT_TYPE = CONTENT_TYPE_LATEST


def page(control: Control, webhooks: Mapping[str, int]) -> bytes:
    """The text that Prometheus reads. ``webhooks`` counts deliveries by what became of them."""
    registry = CollectorRegistry()
    registry.register(_Figures(control, webhooks))
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, control: Control, webhooks: Mapping[str, int]) -> None:
        self._control, self._webhooks = control, webhooks

    def collect(self) -> Iterator[Metric]:
        yield from self._of_host()
        yield from self._of_stacks()
        yield from self._of_commits()
        yield from self._of_services()

    def _of_host(self) -> Iterator[Metric]:
        control = self._control
        yield _gauge("stack_queue_length", "Stacks waiting for a pass", control.waiting)
        yield _gauge("stack_engine_up", "Whether the engine answers", int(control.engine_answers))
        phases = Counter(status.phase for status in control.board.all())
        states = GaugeMetricFamily("stack_stacks", "Stacks by state", labels=["state"])
        for phase in Phase:
            states.add_metric([phase.value], phases.get(phase, 0))
        yield states
        told = CounterMetricFamily("stack_events", "What happened, by kind", labels=["event"])
        for kind, count in sorted(control.board.counts.items()):
            told.add_metric([kind], count)
        yield told
        actions = CounterMetricFamily("stack_actions", "Actions by kind and outcome", labels=["action", "outcome"])
        for (action, outcome), count in sorted(control.board.actions.items()):
            actions.add_metric([action, outcome], count)
        yield actions
        deliveries = CounterMetricFamily("stack_webhooks", "Webhook deliveries by outcome", labels=["outcome"])
        for outcome in ("accepted", "repeated", "refused"):
            deliveries.add_metric([outcome], self._webhooks.get(outcome, 0))
        yield deliveries

    def _of_stacks(self) -> Iterator[Metric]:
        passes = CounterMetricFamily("stack_passes", "Passes over a stack", labels=["stack"])
        seconds = CounterMetricFamily("stack_pass_seconds", "Seconds spent in passes", labels=["stack"])
        drift = GaugeMetricFamily("stack_drift", "Things that are not as the file says", labels=["stack"])
        failures = GaugeMetricFamily("stack_failures", "Failures in a row", labels=["stack"])
        applied = GaugeMetricFamily("stack_changed_timestamp_seconds", "When it was changed last", labels=["stack"])
        for status in self._control.board.all():
            passes.add_metric([status.name], status.passes)
            seconds.add_metric([status.name], status.pass_seconds)
            drift.add_metric([status.name], len(status.drift))
            failures.add_metric([status.name], status.failures)
            if status.changed_at:
                applied.add_metric([status.name], status.changed_at)
        yield from (passes, seconds, drift, failures, applied)

    def _of_commits(self) -> Iterator[Metric]:
        info = GaugeMetricFamily("stack_commit", "The commit that is kept", labels=["stack", "source", "commit"])
        held = GaugeMetricFamily("stack_commit_held", "Whether a newer commit failed and is held", labels=["stack"])
        waits = GaugeMetricFamily("stack_commit_waiting", "Whether a newer commit waits to be let in", labels=["stack"])
        for status in self._control.board.all():
            if status.source:
                why = status.newer.why if status.newer is not None else None
                info.add_metric([status.name, status.source, status.version], 1)
                held.add_metric([status.name], int(why is Why.FAILED))
                waits.add_metric([status.name], int(why is Why.WAITING))
        yield from (info, held, waits)

    def _of_services(self) -> Iterator[Metric]:
        labels = ["stack", "service"]
        wanted = GaugeMetricFamily("stack_replicas_wanted", "Replicas the file asks for", labels=labels)
        ready = GaugeMetricFamily("stack_replicas_ready", "Replicas that run and are well", labels=labels)
        restarts = GaugeMetricFamily("stack_restarts", "Restarts by the engine, of what runs", labels=labels)
        loops = GaugeMetricFamily("stack_crash_loop", "Whether it keeps ending", labels=labels)
        for status in self._control.board.all():
            for service in status.services:
                place = [status.name, service.name]
                wanted.add_metric(place, service.wanted)
                ready.add_metric(place, service.ready)
                restarts.add_metric(place, sum(replica.restarts for replica in service.replicas))
                loops.add_metric(place, int(service.loops))
        yield from (wanted, ready, restarts, loops)


def _gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, about, value=value)
