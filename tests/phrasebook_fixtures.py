"""The embedded corpus, whole."""

from pathlib import Path

import pytest
from made_once import made_once

from attn2seq.catalogue.catalogue import read_catalogue_entry
from attn2seq.phrasebook.derivation import Sample
from attn2seq.phrasebook.phrasebook import generate_samples, phrasebook_grammar

CATALOGUE = Path(__file__).parents[1] / "data" / "catalogue"
Splits = dict[str, list[Sample]]


@pytest.fixture(scope="session")
def phrasebook_splits(tmp_path_factory: pytest.TempPathFactory) -> Splits:
    """The corpus as the catalogue describes it."""

    def make(folder: Path) -> Splits:
        generator = read_catalogue_entry(CATALOGUE, "phrasebook-en-de").generator
        assert generator is not None
        sizes = {"train": generator.train, "dev": generator.dev, "test": generator.test}
        return generate_samples(phrasebook_grammar(), generator.seed, sizes)

    return made_once(tmp_path_factory, "phrasebook", make)
