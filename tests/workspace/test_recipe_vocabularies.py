"""Every recipe for the embedded corpus asks for vocabularies that its texts allow."""

from pathlib import Path

import pytest

from attn2seq.config import read_yaml
from attn2seq.phrasebook.derivation import Sample
from attn2seq.tokenization.settings import TokenizeSettings
from attn2seq.tokenization.vocabulary import learn_vocabulary, vocabulary_specs
from attn2seq.workspace.recipes import DEFAULTS, known_recipes, merge

ROOT = Path(__file__).parents[2]


@pytest.fixture
def texts(phrasebook_splits: dict[str, list[Sample]]) -> dict[str, list[str]]:
    """Train of the embedded corpus, by side, and both sides as `joint`."""
    train = phrasebook_splits["train"]
    src, tgt = [sample.en for sample in train], [sample.de for sample in train]
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
