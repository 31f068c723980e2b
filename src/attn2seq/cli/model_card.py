"""What a registered model is, as a page of Markdown: its data, params, scores and licence."""

from collections.abc import Mapping
from typing import Any

from attn2seq.model.description import described
from attn2seq.model_card import SCORES_NOTE, SPLITS, data_lines, score_lines
from attn2seq.runs.registry import CHAMPION, Candidate


def model_card(
    candidate: Candidate, facts: Mapping[str, Any], signatures: Mapping[str, Any], judged_by: str
) -> str:
    """`facts` are the corpus's, as prepare wrote them; `signatures` those of the scores."""
    name = facts["name"]
    model = {key.removeprefix("model."): value for key, value in candidate.params.items()}
    return "\n".join(
        [
            f"# {name}",
            "",
            f"{facts['task'].capitalize()}, {facts['src_lang']} to {facts['tgt_lang']}, by a "
            f"{described(model)}. Chosen among its group by dev/{judged_by}.",
            "",
            "```python",
            "import attn2seq",
            f'translator = attn2seq.load("models:/{name}@{CHAMPION}")',
            'print(translator.translate(["a text"])[0].text)',
            "```",
            "",
            "## Data",
            *data_lines(facts),
            *(
                f"- {split}: {data_set}, digest {digest}"
                for split, (data_set, digest) in sorted(candidate.data_sets.items())
            ),
            "",
            "## Scores",
            *score_lines(_metrics(candidate), signatures),
            "",
            SCORES_NOTE,
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


def _metrics(candidate: Candidate) -> dict[str, dict[str, float]]:
    """dev and test -> score -> value."""
    metrics: dict[str, dict[str, float]] = {split: {} for split in SPLITS}
    for key, value in candidate.metrics.items():
        split, _, name = key.partition("/")
        if split in metrics:
            metrics[split][name] = value
    return metrics
