"""What params.yaml may not ask for where sources are recordings."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from tone_corpus import ENTRY

from attn2seq.config import ConfigError, read_yaml
from attn2seq.workspace import recording_faults
from attn2seq.workspace.check_params import check_params

ROOT = Path(__file__).parents[2]


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    YAML(typ="safe").dump(ENTRY, tmp_path / "tones.yaml")
    return tmp_path


def params(**changes: dict[str, Any]) -> dict[str, Any]:
    values = read_yaml(ROOT / "recipes/phrasebook-en-de.yaml")
    sound = {"download": {"corpus": "tones"}, "model": {"tie_embeddings": "target"}}
    for section, keys in (*sound.items(), *changes.items()):
        values[section] |= keys
    return values


def test_sound_params(catalogue: Path) -> None:
    check_params(params(), catalogue)


@pytest.mark.parametrize(
    ("section", "key", "value", "remedy"),
    [
        ("download", "src_vectors", "x/y.txt", 'set it to ""'),
        ("model", "tie_embeddings", "all", "set it to target or none"),
        ("model", "copying", True, "set it to false"),
        ("train", "too_long", "truncate", "set it to drop"),
        ("train", "src_word_dropout", 0.1, "set it to 0.0"),
        ("prepare", "max_length_ratio", 3.0, "set it to 0.0"),
        ("prepare", "max_similarity", 0.5, "set it to 1.0"),
        ("prepare", "src_script", "Latin", 'set it to ""'),
        ("prepare", "min_language_id_score", 0.5, "set it to 0.0"),
    ],
)
def test_what_recordings_cannot_give(
    catalogue: Path, section: str, key: str, value: object, remedy: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        check_params(params(**{section: {key: value}}), catalogue)
    [fault] = [line for line in str(caught.value).splitlines() if line.startswith(f"  {section}.")]
    assert fault.startswith(f"  {section}.{key}: the sources of tones are recordings")
    assert fault.endswith(remedy)


def test_packages_that_are_missing_are_named_before_any_work(
    catalogue: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording_faults, "find_spec", lambda name: None)
    with pytest.raises(
        ConfigError, match=r"jiwer, kaldi-native-fbank, soundfile are not inst.*\]'"
    ):
        check_params(params(), catalogue)
    values = params(download={"corpus": "phrasebook-en-de"})
    check_params(values, ROOT / "data/catalogue")  # texts need none of them
