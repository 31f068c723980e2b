"""From prepared pairs to token ids: the vocabularies, then each side of each split."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from tqdm import tqdm

from attn2seq.ahead import ahead
from attn2seq.errors import UserError
from attn2seq.features.prepared_audio import sample_rate_of
from attn2seq.features.settings import FeatureSettings
from attn2seq.preparing.settings import START_FOLDER
from attn2seq.tokenization.recordings import write_frames
from attn2seq.tokenization.settings import TokenizeSettings
from attn2seq.tokenization.token_store import TokenStore, write_token_store
from attn2seq.tokenization.tokenizer import UNK_ID, Tokenizer
from attn2seq.tokenization.vectors import write_vectors
from attn2seq.tokenization.vocabulary import learn_vocabulary, vocabulary_specs
from attn2seq.whole import whole_folder, write_json

SPLITS = ("train", "dev", "test")
SIDES = ("src", "tgt")
# Lines encoded at a time.
_BATCH_LINES = 5_000
# Lines left out of a draw at a time.
_PLACES_AT_ONCE = 1 << 16


class WordVectors(Protocol):
    """A text of word vectors."""

    @property
    def name(self) -> str:
        """Its file, for messages."""
        ...

    @property
    def lines(self) -> Callable[[], Iterator[tuple[int, str]]]:
        """Gives its lines, numbered from 1."""
        ...


NO_VECTORS: Mapping[str, WordVectors] = {}


def tokenize_splits(
    prepared: Path,
    output: Path,
    settings: TokenizeSettings,
    say: Callable[[str], None],
    vectors: Mapping[str, WordVectors] = NO_VECTORS,
    start: Path | None = None,
    features: FeatureSettings | None = None,
) -> None:
    """Learn `src.model` and `tgt.model` from train; write the token ids of all splits.

    From `start`, the folder of a trained model, they are taken over instead, and the rest of it is
    handed on to training.

    `prepared` holds a table of pairs for each split; the folder `output` is written as a whole. Of
    the word vectors of a side, the rows of its pieces become `src_vectors.npy` or
    `tgt_vectors.npy`, and `vectors.json` says how many have one. Raises UserError.

    Recordings have no vocabulary: their frames, made as `features` says, take the place of ids.
    """
    for split in SPLITS:
        if not (prepared / f"{split}.parquet").is_file():
            raise UserError(f"{prepared / split}.parquet is missing; the prepare stage writes it")
    rate = sample_rate_of(prepared)
    sides = SIDES if rate is None else ("tgt",)
    with whole_folder(output) as folder:
        if start is None:
            _write_vocabularies(prepared / "train.parquet", folder, settings, sides, say)
        else:
            _take_over(start, folder, say)
        if rate is not None and features is not None:
            write_frames(prepared, folder, features, rate, say)
        for side in sides:
            tokenizer = Tokenizer(folder / f"{side}.model")
            for split in SPLITS:
                table = prepared / f"{split}.parquet"
                _encode(tokenizer, table, side, folder / f"{split}.{side}")
            say(_summary(tokenizer, prepared / "dev.parquet", side, folder / f"dev.{side}"))
        if vectors:
            _write_vectors(folder, vectors, say)


def read_texts(table: Path, side: str) -> Iterator[list[str]]:
    """The texts of one side, a batch at a time."""
    # Reading ahead would bring the whole file into memory.
    file = pq.ParquetFile(table, pre_buffer=False)
    for batch in file.iter_batches(_BATCH_LINES, columns=[side]):
        yield batch.column(0).to_pylist()


def sample_texts(table: Path, side: str, limit: int, seed: int) -> Iterator[str]:
    """At most `limit` texts (0 for all), drawn without repeats and kept in their order.

    The draw depends on the seed and the number of lines alone; a smaller draw is part of a larger.
    """
    count: int = pq.ParquetFile(table).metadata.num_rows
    kept = np.ones(count, bool)
    if 0 < limit < count:
        # As permutation(count) draws, in half of its memory; an index becomes twice as wide.
        places = np.arange(count, dtype=np.uint32)
        np.random.default_rng(seed).shuffle(places)
        for start in range(limit, count, _PLACES_AT_ONCE):
            kept[places[start : start + _PLACES_AT_ONCE]] = False
    texts = chain.from_iterable(read_texts(table, side))
    return (text for text, keep in zip(texts, kept, strict=True) if keep)


def _write_vocabularies(
    train: Path,
    folder: Path,
    settings: TokenizeSettings,
    wanted: Sequence[str],
    say: Callable[[str], None],
) -> None:
    specs = {side: spec for side, spec in vocabulary_specs(settings).items() if side in wanted}
    sides: dict[str, list[str]] = {}
    for side, spec in specs.items():
        sides.setdefault(spec.name, []).append(side)
    for name, members in sides.items():
        spec = specs[members[0]]
        say(f"learning the {name} vocabulary: {spec.model_type}, {spec.size:,} pieces")
        texts = chain.from_iterable(
            sample_texts(train, side, settings.max_training_lines, settings.seed)
            for side in members
        )
        model = learn_vocabulary(texts, spec, settings)
        for side in members:
            (folder / f"{side}.model").write_bytes(model)


def _take_over(start: Path, folder: Path, say: Callable[[str], None]) -> None:
    say("the vocabularies are those of the model that training starts from")
    (folder / START_FOLDER).mkdir()
    for path in sorted(start.iterdir()):
        vocabulary = path.name in ("src.model", "tgt.model")
        shutil.copyfile(path, (folder if vocabulary else folder / START_FOLDER) / path.name)


def _write_vectors(
    folder: Path, vectors: Mapping[str, WordVectors], say: Callable[[str], None]
) -> None:
    figures: dict[str, dict[str, float | str]] = {}
    for side, text in vectors.items():
        tokenizer = Tokenizer(folder / f"{side}.model")
        found = write_vectors(folder / f"{side}_vectors.npy", tokenizer, text.name, text.lines())
        figures[side] = {"file": text.name, **found.as_json()}
        say(
            f"{side}: {found.found:,} of {found.words:,} whole words in the vocabulary "
            f"({figures[side]['words_found_percent']}%) have a vector of {found.width} numbers in "
            f"{text.name}; {found.pieces:,} pieces in all"
        )
    write_json(folder / "vectors.json", figures)


def _encode(tokenizer: Tokenizer, table: Path, side: str, prefix: Path) -> None:
    lines = pq.ParquetFile(table).metadata.num_rows
    with tqdm(total=lines, desc=prefix.name, unit=" lines", leave=False, disable=None) as bar:

        def sequences() -> Iterator[NDArray[np.int32]]:
            # sentencepiece encodes while the lines before are written.
            for texts, ids in ahead(read_texts(table, side), tokenizer.encode_arrays):
                yield from ids
                bar.update(len(texts))

        write_token_store(prefix, sequences(), tokenizer.vocabulary_size)


def _summary(tokenizer: Tokenizer, dev: Path, side: str, prefix: Path) -> str:
    """One line on a vocabulary, as dev shows it."""
    store = TokenStore(prefix)
    words = sum(len(text.split()) for texts in read_texts(dev, side) for text in texts)
    tokens = int(store.lengths.sum())
    unknown = sum(int((store[index] == UNK_ID).sum()) for index in range(len(store)))
    return (
        f"{side}: {tokenizer.vocabulary_size:,} pieces; dev has "
        f"{tokens / max(1, len(store)):.1f} tokens per line, "
        f"{tokens / max(1, words):.2f} per word, "
        f"{100 * unknown / max(1, tokens):.2f}% unknown"
    )
