"""What the sections `download` and `prepare` of the settings may hold."""

from typing import Annotated, Literal

import regex
from pydantic import AfterValidator, Field

from attn2seq.config import Settings


def _script(name: str) -> str:
    try:
        regex.compile(rf"\p{{Script={name}}}")
    except regex.error:
        raise ValueError(
            f"must be the Unicode name of a script, such as Latin, Cyrillic or Han, got {name!r}"
        ) from None
    return name


Script = Annotated[str, AfterValidator(lambda name: name and _script(name))]
UnicodeForm = Literal["nfc", "nfkc", "nfc_lower", "nfkc_lower", "none"]

# Within data/raw and data/tokenized: the trained model that training starts from.
START_FOLDER = "start_from"


class DownloadSettings(Settings):
    """Which corpus, and what a model starts from: word vectors, or a trained model."""

    corpus: Annotated[str, Field(min_length=1)]
    """Name of a file in data/catalogue/, without `.yaml`."""

    src_vectors: str
    """Pretrained word vectors for the source embeddings: the name of a file in
    data/catalogue/vectors/, without `.yaml`, or a text file in data/local/; empty for none."""

    tgt_vectors: str
    """The same for the target embeddings."""

    start_from: str
    """A trained model whose weights and vocabularies training starts from: a model folder, a DVC
    revision, or an address in MLflow; empty for none."""


class PrepareSettings(Settings):
    """How pairs are cleaned; only train is filtered, dev and test keep every pair with text."""

    unicode_form: UnicodeForm
    """Unicode normalisation: `nfc` composes accents, `nfkc` also folds full-width letters,
    ligatures and the like, `nfc_lower` and `nfkc_lower` do the same and put all texts in lower
    case, `none` leaves characters as they are."""

    max_words: Annotated[int, Field(ge=0)]
    """Longest source or target kept, in words between spaces; 0 for no limit."""

    max_characters: Annotated[int, Field(ge=0)]
    """Longest source or target kept, in characters; 0 for no limit."""

    max_length_ratio: Annotated[float, Field(ge=0)]
    """Most words of the longer side for each word of the shorter one; 0 for no limit."""

    length_ratio_unit: Literal["word", "character"]
    """What that ratio counts; characters for languages without spaces between words."""

    max_similarity: Annotated[float, Field(ge=0, le=1)]
    """Greatest similarity of source and target: 1 for equal texts, less their edit distance in
    characters divided by the longer length; 1.0 for no limit."""

    src_script: Script
    """Script of the source, by its Unicode name, as `Latin` or `Han`; empty for any."""

    tgt_script: Script
    """The same for the target."""

    min_character_score: Annotated[float, Field(ge=0, le=1)]
    """Smallest share of a text's letters that are of its side's script; 0 for no limit. Letters
    are those that Unicode calls alphabetic; a text without any passes."""

    min_language_id_score: Annotated[float, Field(ge=0, le=1)]
    """Smallest probability that a text is of its side's language, by py3langid; 0 for no limit."""

    drop_duplicates: bool
    """Whether a pair that occurs again is dropped."""

    drop_duplicate_targets: bool
    """Whether a pair is dropped whose target occurs again, such as boilerplate of the web."""

    drop_leaked_sources: bool
    """Whether a pair is dropped whose source occurs in dev or test. Without it, scores on dev and
    test are partly memory; published figures on corpora with such pairs were made without it."""

    dev_share: Annotated[float, Field(ge=0, lt=1)]
    """Share of the distinct source sentences that dev takes from train, where the corpus has no dev
    set of its own; 0 for as many as its catalogue entry says."""

    limit_train_pairs: Annotated[int, Field(ge=0)]
    """Number of pairs drawn at random from those left, for quick trials; 0 for all."""

    seed: Annotated[int, Field(ge=0, lt=2**32)]
    """Seed of that draw; a smaller draw is part of a larger one."""
