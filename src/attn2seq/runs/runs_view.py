"""The view of an experiment's runs in MLflow's UI: scores as columns, and as the first charts.

Without it the table of runs shows no metric, and the charts begin with those whose name sorts
first. MLflow keeps a view as a tag of the experiment, and an address may name it.
"""

import json
from typing import Any

from attn2seq.metrics import METRICS

KEY = "scores"
TAG = f"mlflow.sharedViewState.{KEY}"


def runs_view(judged_by: str) -> str:
    """The tag's value, for a corpus that judges by this score."""
    scores = [f"dev/{judged_by}", f"test/{judged_by}"]
    columns = [f"metrics.`{key}`" for key in scores]
    return json.dumps(
        {
            # Sorted by a score, the runs of a sweep stand among the others, not in their parent.
            "orderByKey": columns[0],
            "orderByAsc": not METRICS[judged_by].higher_is_better,
            "selectedColumns": [*columns, "attributes.`User`", "tags.`machine.processor`"],
            "isAccordionReordered": True,  # else sections are sorted by name
            "compareRunSections": [_section("Scores"), _section("Curves")],
            "compareRunCharts": [
                *(_chart("BAR", "Scores", key) for key in scores),
                *(_chart("LINE", "Curves", key) for key in ("dev/loss", "train/loss")),
            ],
        }
    )


def _section(name: str) -> dict[str, Any]:
    flags = {"display": True, "isReordered": True, "deleted": False, "isGenerated": False}
    return {"uuid": name, "name": name, **flags}


def _chart(kind: str, section: str, key: str) -> dict[str, Any]:
    chart = {
        "uuid": key,
        "type": kind,
        "metricSectionId": section,
        "metricKey": key,
        "displayName": key,
        "runsCountToCompare": 10,
        "deleted": False,
        "isGenerated": True,
    }
    if kind == "LINE":
        chart |= {
            "lineSmoothness": 0,
            "xAxisScaleType": "linear",
            "scaleType": "linear",
            "range": {},
            "xAxisKey": "step",
            "selectedXAxisMetricKey": "",
            "yAxisKey": "metric",
            "yAxisExpressions": [],
            "ignoreOutliers": False,
            "useGlobalXaxisKey": True,
            "useGlobalLineSmoothing": True,
        }
    return chart
