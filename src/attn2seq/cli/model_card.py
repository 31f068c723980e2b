"""What a registered model is, as a page of Markdown: its data, params, scores and licence."""

from collections.abc import Mapping
from typing import Any

from attn2seq.runs.registry import CHAMPION, Candidate

SCORED = ("dev", "test")


def model_card(
    candidate: Candidate, facts: Mapping[str, Any], signatures: Mapping[str, Any], judged_by: str
) -> str:
    """`facts` are the corpus's, as prepare wrote them; `signatures` those of the scores."""
    name = facts["name"]
    return "\n".join(
        [
            f"# {name}",
            "",
            f"{facts['task'].capitalize()}, {facts['src_lang']} to {facts['tgt_lang']}, by a "
            f"recurrent encoder-decoder: {candidate.params['model.cell']}, attention "
            f"{candidate.params['model.attention']}. Chosen among its group by dev/{judged_by}.",
            "",
            "```python",
            "import mlflow",
            f'model = mlflow.pyfunc.load_model("models:/{name}@{CHAMPION}")',
            'print(model.predict(["a text"])[0].translation)',
            "```",
            "",
            "## Data",
            f"- {facts['title']}",
            f"- licence: {facts['licence']}; it may bind the model, too",
            f"- citation: {facts['citation']}",
            *(
                f"- {split}: {data_set}, digest {digest}"
                for split, (data_set, digest) in sorted(candidate.data_sets.items())
            ),
            "",
            "## Scores",
            *_scores(candidate, signatures),
            "",
            "Intervals hold 95% of bootstrap samples of the sentences. The kept weights and this "
            "model were chosen on dev; report test.",
            "",
            "## Params",
            *(f"- {key}: {value}" for key, value in sorted(candidate.params.items())),
            "",
            "## Origin",
            f"- run {candidate.name}, {candidate.run_id}",
            *(
                f"- {key}: {candidate.tags[key]}"
                for key in sorted(candidate.tags)
                if key.startswith("machine.") or key in ORIGIN
            ),
            "",
        ]
    )


ORIGIN = ("run_fingerprint", "train_fingerprint", "mlflow.source.git.commit", "git_dirty")


def _scores(candidate: Candidate, signatures: Mapping[str, Any]) -> list[str]:
    lines = ["| score | dev | test | signature |", "|---|---:|---:|---|"]
    for name, entry in signatures["test"].items():
        cells = [_cell(candidate, signatures, split, name) for split in SCORED]
        # A bar would end the table's cell.
        signature = str(entry["signature"]).replace("|", ", ")
        lines.append(f"| {name} | {cells[0]} | {cells[1]} | {signature} |")
    return lines


def _cell(candidate: Candidate, signatures: Mapping[str, Any], split: str, name: str) -> str:
    value, entry = candidate.metrics.get(f"{split}/{name}"), signatures[split].get(name)
    if value is None or entry is None:
        return ""
    return f"{value:.2f} ({entry['low']:.2f} to {entry['high']:.2f})"
