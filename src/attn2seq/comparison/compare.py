"""Two runs on the same sentences: scores side by side, what is chance, which params differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from attn2seq.comparison.runs import SPLITS, Run, references_of, refuse_other_texts, texts_of
from attn2seq.evaluation.measures import Measure
from attn2seq.evaluation.scores import split_measures
from attn2seq.evaluation.settings import EvaluateSettings
from attn2seq.evaluation.significance import PairedResult, compare_paired
from attn2seq.evaluation.texts import read_corpus_facts

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
        references = references_of(prepared, split)
        first, second = (texts_of(run.sentences(split), references) for run in (ours, theirs))
        first_measures, second_measures = (
            split_measures(texts, corpus, settings) for texts in (first, second)
        )
        left_out = set(LEFT_OUT)
        if (first.tokens != second.tokens).any():
            left_out.add("perplexity")  # of tokens that are not the same
        wanted = {name: item for name, item in first_measures.items() if name not in left_out}
        found = compare_paired(second_measures, wanted, settings.bootstrap_samples, settings.seed)
        compared[split] = ComparedSplit(
            len(first),
            {
                name: _score(found[name], measure, second_measures[name], settings)
                for name, measure in wanted.items()
            },
        )
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


def _score(
    found: PairedResult, ours: Measure, theirs: Measure, settings: EvaluateSettings
) -> ComparedScore:
    samples, seed = settings.bootstrap_samples, settings.seed
    return ComparedScore(
        ours=found.system,
        our_interval=ours.interval(samples, seed),
        theirs=found.baseline,
        their_interval=theirs.interval(samples, seed),
        bootstrap_p=found.bootstrap_p,
        randomisation_p=found.randomisation_p,
        signature=ours.signature,
    )
