"""The YAML block at the top of a model card, in the keys that the Hugging Face hub reads.

    ---
    license: apache-2.0
    language: [en, de]
    library_name: attn2seq
    pipeline_tag: translation
    ...
    ---

The keys are those of https://github.com/huggingface/hub-docs/blob/main/modelcard.md, the licences
those of https://huggingface.co/docs/hub/repositories-licenses.
"""

import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from attn2seq.errors import UserError
from attn2seq.metrics import METRICS
from attn2seq.reading.languages import language_of

NO_VALUES: Mapping[str, Any] = {}
_BLOCK = re.compile(r"\A---\r?\n(.*?\r?\n)---\r?\n", re.DOTALL)
# The hub's name of a task; others have none there.
_PIPELINE_TAGS = {
    "translation": "translation",
    "summarisation": "summarization",
    "speech recognition": "automatic-speech-recognition",
    "classification": "text-classification",
    "dialogue": "text-generation",
}
# Where the hub's name of a metric is another one.
_METRIC_TYPES = {"moses_bleu": "bleu"} | dict.fromkeys(
    (name for name in METRICS if name.startswith("rouge")), "rouge"
)
# Those of the hub's identifiers that corpora have.
_LICENSES = {
    "apache-2.0", "mit", "bsd", "bsd-2-clause", "bsd-3-clause", "cc", "cc0-1.0", "cc-by-2.0",
    "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc-by-nc-2.0",
    "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0",
    "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0", "cdla-sharing-1.0",
    "cdla-permissive-1.0", "cdla-permissive-2.0", "gfdl", "gpl", "gpl-2.0", "gpl-3.0", "lgpl",
    "lgpl-2.1", "lgpl-3.0", "odc-by", "odbl", "pddl", "unknown",
}  # fmt: skip


def card_metadata(
    facts: Mapping[str, Any],
    metrics: Mapping[str, Any] = NO_VALUES,
    signatures: Mapping[str, Any] = NO_VALUES,
    datasets: Sequence[str] = (),
) -> str:
    """The block. `facts` are the corpus's, with or without a licence; `metrics` and `signatures`
    those that evaluate wrote; `datasets` the names of the hub's data sets that it was trained on.
    """
    task = str(facts["task"])
    tag = _PIPELINE_TAGS.get(task)
    languages = [_language(str(facts[side])) for side in ("src_lang", "tgt_lang")]
    scored = [name for name in METRICS if name in signatures.get("test", ())]
    values = {
        **({} if "licence" not in facts else _license(str(facts["licence"]))),
        "language": list(dict.fromkeys(code for code in languages if code)),
        "library_name": "attn2seq",
        "pipeline_tag": tag,
        "tags": ["sequence-to-sequence", *([] if tag else [_slug(task)])],
        "datasets": list(datasets),
        "metrics": list(dict.fromkeys(_metric_type(name) for name in scored)),
        "model-index": [_index(facts, tag or _slug(task), metrics, signatures)] if scored else [],
    }
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 10_000  # a signature stays in its line
    text = io.StringIO()
    yaml.dump({key: value for key, value in values.items() if value}, text)
    return f"---\n{text.getvalue()}---\n"


def read_metadata(card: str, path: Path) -> dict[str, Any]:
    """The values in the block of a card, none where it has no block. Raises UserError."""
    block = _BLOCK.match(card)
    if block is None:
        return {}
    try:
        values = YAML(typ="safe", pure=True).load(block[1])
    except (YAMLError, ValueError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise UserError(
            f"{path}: what is between its first two lines --- is no YAML: {reason}"
        ) from None
    if not isinstance(values, dict):
        raise UserError(f"{path}: what is between its first two lines --- must be keys with values")
    return values


def _license(text: str) -> dict[str, str]:
    """The hub's identifier where the text begins with one, as `CC BY 2.0, attribution to ...`."""
    identifier = _slug(re.split("[,;]", text)[0])
    if identifier in _LICENSES:
        return {"license": identifier}
    return {"license": "other", "license_name": _slug(text)}


def _language(name: str) -> str | None:
    """The ISO 639 code, or None for what is no language: recordings, labels, a formal language."""
    if re.fullmatch("[a-z]{2,3}", name) and name != "und":
        return name
    return language_of(name)


def _slug(text: str) -> str:
    """In the letters that the hub allows in names: `CC BY-SA 4.0` is `cc-by-sa-4.0`."""
    return re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-.")


def _metric_type(name: str) -> str:
    return _METRIC_TYPES.get(name, name)


def _index(
    facts: Mapping[str, Any], task: str, metrics: Mapping[str, Any], signatures: Mapping[str, Any]
) -> dict[str, Any]:
    """The scores on test; dev chose the weights."""
    scores = [
        {
            "type": _metric_type(name),
            "name": metric.label,
            "value": float(metric.written(metrics["test"][name])),
            "args": {"signature": str(signatures["test"][name]["signature"])},
        }
        for name, metric in METRICS.items()
        if name in signatures["test"]
    ]
    result = {
        "task": {"type": task, "name": str(facts["task"]).capitalize()},
        "dataset": {"type": facts["name"], "name": facts["title"], "split": "test"},
        "metrics": scores,
    }
    return {"name": facts["name"], "results": [result]}
