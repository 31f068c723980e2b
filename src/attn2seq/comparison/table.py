"""The comparison of two runs as lines for a terminal, none wider than 80 columns."""

from collections.abc import Iterator, Mapping
from textwrap import wrap

from attn2seq.comparison.compare import LEVEL, ComparedScore, ComparedSplit, differing_params
from attn2seq.comparison.runs import SPLITS, Run, refuse_other_corpus
from attn2seq.metrics import METRICS

WIDTH = 80


def comparison_lines(
    ours: Run, theirs: Run, compared: Mapping[str, ComparedSplit], samples: int
) -> list[str]:
    """Who is compared, a table for each split, signatures, and the params that differ."""
    lines = [*_who("this run", ours), *_who("against", theirs)]
    for name, split in compared.items():
        title = f"{name}, {split.sentences:,} sentences"
        lines += ["", f"{title:24}{'this':>8}{'against':>9}{'diff.':>9}"
                      f"{'p boot.':>10}{'p rand.':>10}"]  # fmt: skip
        lines += [_row(metric, score) for metric, score in split.scores.items()]
    lines += ["", *_explained(samples), "", "signatures"]
    test = compared["test"].scores
    for metric, score in test.items():
        lines += wrap(f"{METRICS[metric].label}  {score.signature}", WIDTH, initial_indent="  ",
                      subsequent_indent="    ", break_on_hyphens=False)  # fmt: skip
    return [*lines, "", *_params_lines(ours, theirs)]


def recorded_lines(ours: Run, theirs: Run, remedy: str) -> list[str]:
    """The recorded scores side by side, for a run whose files are not at hand; `remedy` says how to
    get them. Raises UserError where the runs are of two corpora.
    """
    refuse_other_corpus(ours, theirs)
    lines = [*_who("this run", ours), *_who("against", theirs)]
    for split in SPLITS:
        lines += ["", f"{split:24}{'this':>8}{'against':>9}{'diff.':>9}"]
        first, second = ours.scores(split), theirs.scores(split)
        for name, metric in METRICS.items():
            if name in first and name in second:
                lines.append(
                    f"  {f'{metric.label} {metric.arrow}':22}{metric.written(first[name]):>8}"
                    f"{metric.written(second[name]):>9}"
                    f"{metric.written_difference(first[name] - second[name]):>9}"
                )
    text = (
        f"The scores that {theirs.name} recorded, without significance tests or sentences: "
        f"{theirs.lacks} is not at hand. {remedy}"
    )
    if ours.prepared != theirs.prepared:
        text = f"The two runs have different data/prepared, maybe other sentences. {text}"
    return [
        *lines,
        "",
        *wrap(text, WIDTH, break_on_hyphens=False),
        "",
        *_params_lines(ours, theirs),
    ]


def _who(title: str, run: Run) -> list[str]:
    facts = ", ".join(f"{key} {value}" for key, value in run.facts.items())
    beside = " " * 10
    lines = wrap(run.name, WIDTH, initial_indent=f"{title:10}", subsequent_indent=beside,
                 break_on_hyphens=False)  # fmt: skip
    return lines + wrap(facts, WIDTH, initial_indent=beside, subsequent_indent=beside)


def _row(name: str, score: ComparedScore) -> str:
    metric = METRICS[name]
    return (
        f"  {f'{metric.label} {metric.arrow}':22}"
        f"{metric.written(score.ours):>8}{metric.written(score.theirs):>9}"
        f"{metric.written_difference(score.difference):>9}"
        f"{score.bootstrap_p:>10.4f}{score.randomisation_p:>10.4f}"
        f"  {score.verdict(name)}"
    ).rstrip()


def _explained(samples: int) -> list[str]:
    text = (
        f"p: the probability that a difference this large arises by chance, by paired bootstrap "
        f"(Koehn 2004) and approximate randomisation (Riezler and Maxwell 2005), {samples:,} "
        f"samples each. A metric is called better or worse where both are below {LEVEL}; among "
        "many metrics, or many runs, some will be so by chance."
    )
    return wrap(text, WIDTH)


def _params_lines(ours: Run, theirs: Run) -> list[str]:
    if not ours.params or not theirs.params:
        unknown = theirs if ours.params else ours
        return [f"the params of {unknown.name} are not known"]
    differing = differing_params(ours, theirs)
    if not differing:
        return ["no param differs"]
    names = max(len("params that differ"), *(len(name) + 2 for name in differing))
    width = max(len("this"), *(len(first) for first, _ in differing.values()))
    second_width = max(len("against"), *(len(second) for _, second in differing.values()))
    if names + width + second_width + 4 > WIDTH:
        return ["params that differ", *_below_each_other(differing)]
    lines = [f"{'params that differ':{names}}  {'this':{width}}  against"]
    return lines + [f"{'  ' + name:{names}}  {first:{width}}  {second}"
                    for name, (first, second) in differing.items()]  # fmt: skip


def _below_each_other(differing: Mapping[str, tuple[str, str]]) -> Iterator[str]:
    """For values of which two have no room in a line."""
    for name, (first, second) in differing.items():
        yield f"  {name}"
        for title, value in (("this", first), ("against", second)):
            yield from wrap(value, WIDTH, initial_indent=f"    {title:9}",
                            subsequent_indent=" " * 13, break_on_hyphens=False)  # fmt: skip
