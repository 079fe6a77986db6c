"""What is deployed beside the services speaks of metrics that they have."""

import json
import re
from pathlib import Path
from typing import Any

import yaml
from prometheus_client import REGISTRY

import schemas.telemetry  # noqa: F401 - declares the metrics

ROOT = Path(__file__).resolve().parents[2]
METRIC = re.compile(r"\baiops_[a-z_]+")


def declared() -> set[str]:
    names = set()
    for family in REGISTRY.collect():
        names.add(family.name)
        names.update(f"{family.name}_{suffix}" for suffix in ("total", "bucket", "count", "sum"))
    return names


def alerts() -> list[dict[str, Any]]:
    text = (ROOT / "deploy/prometheus/alerts.yml").read_text()
    return [rule for group in yaml.safe_load(text)["groups"] for rule in group["rules"]]


def test_every_alert_asks_for_metrics_that_are_declared() -> None:
    for rule in alerts():
        used = set(METRIC.findall(rule["expr"]))

        assert used, rule["alert"]
        assert used <= declared(), rule["alert"]


def test_every_panel_asks_for_metrics_that_are_declared() -> None:
    dashboard = json.loads((ROOT / "deploy/grafana/aiops.json").read_text())

    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            assert set(METRIC.findall(target["expr"])) <= declared(), panel["title"]


def test_every_alert_says_what_to_do_in_the_operations_guide() -> None:
    guide = (ROOT / "docs/operations.md").read_text()
    headings = set(re.findall(r"^### (\w+)$", guide, flags=re.MULTILINE))

    assert {rule["alert"] for rule in alerts()} == headings


def test_every_metric_says_what_it_counts() -> None:
    ours = [family for family in REGISTRY.collect() if family.name.startswith("aiops_")]

    assert len(ours) >= 10
    assert all(family.documentation for family in ours)
