"""How probable a trained model holds given targets."""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path

from attn2seq.cli.translate import grouped, lines_of, load
from attn2seq.cli.workspace import as_given
from attn2seq.errors import UserError


def score_pairs(
    sources: Path | None, targets: Path | None, model: str | None, per_token: bool
) -> None:
    """Print a log-probability in nats for each pair, summed, or per token. Raises UserError."""
    if sources is not None and targets is None:
        raise UserError("give a file of targets, too, or pairs on standard input")
    here = Path.cwd()
    translator = load(model, "score")
    files = [as_given(file, here) for file in (sources, targets) if file is not None]
    for lines in grouped(_pairs(files), typed=not files):
        pairs = [line.split("\t") for line in lines]
        texts, givens = ([pair[side] for pair in pairs] for side in (0, 1))
        for found in translator.reference_scores(texts, givens):
            nats = found.nats / found.tokens if per_token else found.nats
            print(f"{-nats:.4f}", flush=len(lines) == 1)


def _pairs(files: list[Path]) -> Iterator[str]:
    """Source and target, separated by a tab."""
    with ExitStack() as stack:
        if not files:
            for number, line in enumerate(stack.enter_context(lines_of(None)), start=1):
                if line.count("\t") != 1:
                    raise UserError(
                        f"standard input, line {number}: a source and a target, separated by one "
                        f"tab, are needed; there are {line.count(chr(9))} tabs"
                    )
                yield line
            return
        read = [stack.enter_context(lines_of(file)) for file in files]
        for number, pair in enumerate(zip_longest(*read), start=1):
            if None in pair:
                raise UserError(
                    f"{files[pair.index(None)]} ends before line {number}, which "
                    f"{files[1 - pair.index(None)]} has: line i of each is one pair"
                )
            # A tab within a text is white space, which normalising makes a space.
            yield "\t".join(text.replace("\t", " ") for text in pair)
