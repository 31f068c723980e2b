"""Every recipe for the embedded corpus asks for vocabularies that its texts allow."""

from pathlib import Path

import pytest

from attn2seq.catalogue.catalogue import read_catalogue_entry
from attn2seq.config import read_yaml
from attn2seq.phrasebook.phrasebook import generate_phrasebook
from attn2seq.tokenization.settings import TokenizeSettings
from attn2seq.tokenization.vocabulary import learn_vocabulary, vocabulary_specs
from attn2seq.workspace.recipes import DEFAULTS, known_recipes, merge

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def texts() -> dict[str, list[str]]:
    """Train of the embedded corpus, by side, and both sides as `joint`."""
    generator = read_catalogue_entry(ROOT / "data" / "catalogue", DEFAULTS).generator
    assert generator is not None
    sizes = {"train": generator.train, "dev": generator.dev, "test": generator.test}
    pairs = generate_phrasebook(generator.seed, sizes)["train"]
    src, tgt = (list(side) for side in zip(*pairs, strict=True))
    return {"src": src, "tgt": tgt, "joint": src + tgt}


def test_recipes_vocabularies_can_be_learnt(texts: dict[str, list[str]]) -> None:
    defaults = read_yaml(ROOT / "recipes" / f"{DEFAULTS}.yaml")
    found, asked = 0, set()
    for name in known_recipes(ROOT / "recipes"):
        params = merge(defaults, read_yaml(ROOT / "recipes" / f"{name}.yaml"))
        if params["download"]["corpus"] == DEFAULTS:
            found += 1
            asked.add(TokenizeSettings.model_validate(params["tokenize"]).model_dump_json())
    assert found > 10
    for settings_json in asked:
        settings = TokenizeSettings.model_validate_json(settings_json)
        for spec in set(vocabulary_specs(settings).values()):
            assert learn_vocabulary(texts[spec.name], spec, settings)
