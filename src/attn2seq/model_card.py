"""The README.md of a model folder: what the model is, its data, licence, scores, how to load it."""

from collections.abc import Mapping, Sequence
from typing import Any

from attn2seq.card_metadata import card_metadata
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.metrics import METRICS
from attn2seq.model.description import described
from attn2seq.model.settings import ModelSettings

SPLITS = ("dev", "test")
ANYWHERE = 'attn2seq.load("path/to/this/folder")  # wherever it is copied'
FROM_HUB = "attn2seq.load(\"{}\")  # needs huggingface-hub: pip install 'attn2seq[hub]'"
LOAD = """\
```python
import attn2seq
translator = {0}
print(translator.translate(["{1}"])[0].text)
```"""


def model_card(
    facts: Mapping[str, Any],
    model: ModelSettings,
    decode: DecodeSettings,
    metrics: Mapping[str, Any],
    signatures: Mapping[str, Any],
    code: str | None,
    datasets: Sequence[str] = (),
) -> str:
    """Markdown, with metadata at the top. `facts` are the corpus's, as prepare wrote them;
    `metrics` and `signatures` evaluate's; `code` is a digest of what the stages ran; `datasets` are
    the hub's data sets that the corpus is from.
    """
    return card_metadata(facts, metrics, signatures, datasets) + "\n".join(
        [
            "",
            f"# {facts['name']}",
            "",
            f"{facts['task'].capitalize()}, {facts['src_lang']} to {facts['tgt_lang']}, by a "
            f"{described(model.model_dump())}, trained with attn2seq.",
            "",
            LOAD.format(ANYWHERE, "a.wav" if "recordings" in facts else "a text"),
            "",
            "The folder needs nothing else: weights, vocabularies, text normalisation and "
            "search settings are in it.",
            "",
            "## Data",
            *data_lines(facts),
            "",
            "## Scores",
            *score_lines(metrics, signatures),
            "",
            f"Decoded with {_search(decode)}. {SCORES_NOTE}",
            "",
            *([] if code is None else ["## Origin", f"- code: {code}", ""]),
        ]
    )


SCORES_NOTE = (
    "Intervals hold 95% of bootstrap samples of the sentences. The kept weights were chosen on "
    "dev; report test."
)


def loaded_from(card: str, address: str) -> str:
    """The card of a copy that is on the hub, at the address `hub:<owner>/<name>`."""
    return card.replace(ANYWHERE, FROM_HUB.format(address))


def origin_lines(origin: Mapping[str, str]) -> list[str]:
    """Where a copy of the folder comes from, for a copy that leaves the workspace."""
    return [f"- {key}: {value}" for key, value in origin.items()]


def data_lines(facts: Mapping[str, Any]) -> list[str]:
    """What the model was trained on, and what binds it."""
    return [
        f"- {facts['title']}",
        f"- licence: {facts['licence']}; it may apply to the model too",
        f"- citation: {facts['citation']}",
    ]


def score_lines(metrics: Mapping[str, Any], signatures: Mapping[str, Any]) -> list[str]:
    """A table with a row for each score that has a signature."""
    lines = ["| score | dev | test | signature |", "|---|---:|---:|---|"]
    for name, metric in METRICS.items():
        entry = signatures["test"].get(name)
        if entry is None:
            continue
        dev, test = (_cell(metrics, signatures, split, name) for split in SPLITS)
        # A bar would end the table's cell.
        signature = str(entry["signature"]).replace("|", ", ")
        lines.append(f"| {metric.heading} {metric.arrow} | {dev} | {test} | {signature} |")
    return lines


def _cell(metrics: Mapping[str, Any], signatures: Mapping[str, Any], split: str, name: str) -> str:
    value, entry = metrics[split].get(name), signatures[split].get(name)
    if value is None or entry is None:
        return ""
    metric = METRICS[name]
    return f"{metric.written(value)} ({metric.written_interval(entry['low'], entry['high'])})"


def _search(decode: DecodeSettings) -> str:
    search = (
        f"a beam of {decode.beam_size}"
        if decode.search == "beam"
        else f"{decode.candidates} samples for each text"
    )
    models = f" by {1 + len(decode.ensemble)} models together" if decode.ensemble else ""
    ranked = "" if decode.mbr == "none" else f", ranked by expected {decode.mbr}"
    return f"{search}{models}{ranked}"
