"""Two runs on the same sentences: scores side by side, what is chance, which params differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from attn2seq.comparison.runs import SPLITS, Run, refuse_other_texts, texts_of
from attn2seq.evaluation.measures import Measure
from attn2seq.evaluation.scores import split_measures
from attn2seq.evaluation.settings import EvaluateSettings
from attn2seq.evaluation.significance import bootstrap_p, randomisation_p
from attn2seq.evaluation.texts import read_corpus_facts, read_table, references_of
from attn2seq.metrics import METRICS

# Below this p value a difference counts as more than chance.
LEVEL = 0.05
# A score of each whole text beside the ones that see more of it.
LEFT_OUT = ("rouge1", "rouge2")


@dataclass(frozen=True)
class ComparedScore:
    """One metric of both runs, `theirs` being the baseline; intervals are of 95%."""

    ours: float
    our_interval: tuple[float, float]
    theirs: float
    their_interval: tuple[float, float]
    bootstrap_p: float
    randomisation_p: float
    signature: str

    @property
    def difference(self) -> float:
        return self.ours - self.theirs

    @property
    def is_clear(self) -> bool:
        """Whether both tests call the difference more than chance."""
        return max(self.bootstrap_p, self.randomisation_p) < LEVEL

    def verdict(self, metric: str) -> str:
        """`better` or `worse`, said of ours; nothing where chance may be the reason."""
        if not self.is_clear:
            return ""
        return "better" if METRICS[metric].better(self.ours, self.theirs) else "worse"


@dataclass(frozen=True)
class ComparedSplit:
    """All metrics of one split by name."""

    sentences: int
    scores: dict[str, ComparedScore]


def compare_runs(
    ours: Run, theirs: Run, prepared: Path, settings: EvaluateSettings
) -> dict[str, ComparedSplit]:
    """Score both runs anew, against the references in `prepared`, and test each difference.

    Raises UserError where a result is missing or the runs have other sentences.
    """
    for split in SPLITS:
        refuse_other_texts(ours, theirs, split)
    corpus = read_corpus_facts(prepared / "corpus.json")
    compared = {}
    for split in SPLITS:
        references = references_of(read_table(prepared / f"{split}.parquet"))
        first, second = (texts_of(run.sentences(split), references) for run in (ours, theirs))
        first_measures, second_measures = (
            split_measures(texts, corpus, settings) for texts in (first, second)
        )
        other_tokens = (first.tokens != second.tokens).any()
        scores = {
            name: _score(measure, second_measures[name], settings)
            for name, measure in first_measures.items()
            if name not in LEFT_OUT and not (other_tokens and METRICS[name].needs == "tokens")
        }
        compared[split] = ComparedSplit(len(first), scores)
    return compared


def differing_params(ours: Run, theirs: Run) -> dict[str, tuple[str, str]]:
    """The params in which the runs differ, by dotted name: ours, theirs; a dash where it is absent.

    Empty where those of one run are not known.
    """
    if not ours.params or not theirs.params:
        return {}
    names = [*ours.params, *(name for name in theirs.params if name not in ours.params)]
    values: Mapping[str, tuple[str, str]] = {
        name: (ours.params.get(name, "–"), theirs.params.get(name, "–")) for name in names
    }
    return {name: (first, second) for name, (first, second) in values.items() if first != second}


def _score(ours: Measure, theirs: Measure, settings: EvaluateSettings) -> ComparedScore:
    drawn = settings.bootstrap_samples, settings.seed
    return ComparedScore(
        ours=ours.score(),
        our_interval=ours.interval(*drawn),
        theirs=theirs.score(),
        their_interval=theirs.interval(*drawn),
        bootstrap_p=bootstrap_p(theirs, ours, *drawn),
        randomisation_p=randomisation_p(theirs, ours, *drawn),
        signature=ours.signature,
    )
