"""The check before any work: every fault of params.yaml at once, each with its remedy."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from smallest_entry import ENTRY

from attn2seq.config import ConfigError
from attn2seq.workspace.check_params import SECTIONS, check_params, warnings_of

ROOT = Path(__file__).parents[2]
CATALOGUE = ROOT / "data" / "catalogue"


def faults(params: dict[str, Any], catalogue: Path = CATALOGUE) -> list[str]:
    """Its faults, without the heading."""
    with pytest.raises(ConfigError) as caught:
        check_params(params, catalogue)
    heading, *lines = str(caught.value).split("\n")
    count = "1 error" if len(lines) == 1 else f"{len(lines)} errors"
    assert heading == f"params.yaml has {count}:"
    return [line.removeprefix("  ") for line in lines]


def test_the_shipped_params_are_sound(params: dict[str, Any]) -> None:
    check_params(params, CATALOGUE)
    assert set(params) == set(SECTIONS)


def test_a_tokeniser_that_cannot_cut_the_script_is_warned_of(
    tmp_path: Path, params: dict[str, Any]
) -> None:
    params["download"]["corpus"] = "mine"
    for language, tokenizer, needed in (
        ("th", "13a", "char"), ("cmn", "intl", "zh"), ("zh", "zh", None), ("de", "13a", None),
        ("actions", "none", None),
    ):  # fmt: skip
        entry = ENTRY | {"name": "mine", "tgt_lang": language, "bleu_tokenizer": tokenizer}
        YAML().dump(entry, tmp_path / "mine.yaml")
        said = warnings_of(params, tmp_path)
        assert len(said) == (needed is not None)
        if needed:
            assert said[0].endswith(f"bleu_tokenizer {tokenizer} would cut: set it to {needed}")


def test_all_faults_of_all_sections_at_once(params: dict[str, Any]) -> None:
    params["decode"]["beem_size"] = params["decode"].pop("beam_size")
    params["train"]["learning_rate"] = -1.0
    params["model"]["cell"] = "lstn"
    params["report"] = 5
    del params["evaluate"]
    params["trian"] = {}
    params["xyzzy"] = {}
    params["download"]["corpus"] = "phrasebook-en-dee"
    found = faults(params)
    expected = [
        "model.cell: input should be 'lstm', 'gru', 'rnn', 'rnn_relu', 'layer_norm_lstm' or 'lrn', "
        "got 'lstn'",
        "train.learning_rate: input should be greater than 0, got -1.0",
        "decode.beam_size: missing",
        "decode.beem_size: unknown key (did you mean decode.beam_size?)",
        "evaluate: the section is missing",
        "report: must be a section with keys, but is 5",
        "trian: unknown section (did you mean train?)",
        f"xyzzy: unknown section (known: {', '.join(SECTIONS)})",
    ]
    assert found[:-1] == expected
    assert found[-1].startswith("download.corpus: no corpus 'phrasebook-en-dee' in ")
    assert "(did you mean phrasebook-en-de?)" in found[-1]


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_no_rate_is_infinite_or_no_number(params: dict[str, Any], value: float) -> None:
    params["train"]["learning_rate"] = value
    assert faults(params) == [f"train.learning_rate: input should be a finite number, got {value}"]


def test_ties_over_both_sides_need_a_joint_vocabulary(params: dict[str, Any]) -> None:
    params["model"]["tie_embeddings"] = "all"
    params["tokenize"]["joint_vocabulary"] = False
    assert faults(params) == [
        "model.tie_embeddings: all needs one vocabulary for both sides: set "
        "tokenize.joint_vocabulary to true, or tie_embeddings to target"
    ]
    params["model"]["tie_embeddings"] = "target"
    check_params(params, CATALOGUE)


def test_copies_need_a_joint_vocabulary(params: dict[str, Any]) -> None:
    params["model"] |= {"copying": True, "tie_embeddings": "target"}
    check_params(params, CATALOGUE)
    params["tokenize"]["joint_vocabulary"] = False
    assert faults(params) == [
        "model.copying: a source piece can only be copied where it is a target piece too: set "
        "tokenize.joint_vocabulary to true, or model.copying to false"
    ]


def test_coverage_needs_attention(params: dict[str, Any]) -> None:
    params["decode"]["coverage_penalty"] = 0.2
    check_params(params, CATALOGUE)
    params["model"] |= {"attention": "none", "input_feeding": False, "readout_from": "state"}
    assert faults(params) == [
        "decode.coverage_penalty: it uses attention weights, but model.attention is none: "
        "set it to 0"
    ]


def test_ctc_needs_a_source_in_its_order(params: dict[str, Any]) -> None:
    params["train"]["ctc_weight"] = 0.3
    check_params(params, CATALOGUE)
    params["model"] |= {
        "reverse_source": True, "attention": "none", "input_feeding": False,
        "readout_from": "state",
    }  # fmt: skip
    assert faults(params) == [
        "train.ctc_weight: CTC aligns source and target in order, and model.reverse_source turns "
        "the source round: set it to false, or ctc_weight to 0.0"
    ]


def test_a_character_score_needs_a_script(params: dict[str, Any]) -> None:
    params["prepare"]["min_character_score"] = 0.5
    assert faults(params) == [
        "prepare.min_character_score: no script is named: set prepare.src_script or tgt_script, or "
        "it to 0.0"
    ]
    params["prepare"]["tgt_script"] = "Latin"
    check_params(params, CATALOGUE)


def test_a_source_that_nobody_knows(params: dict[str, Any], tmp_path: Path) -> None:
    params["download"]["corpus"] = "mine"
    splits = {"train": {"file": "mine.tsv"}, "dev": {"source": "sacrebleu:wmt99/en-de"}}
    entry = ENTRY | {"splits": splits, "make_splits": {"test": 1, "seed": 1}}
    with (tmp_path / "mine.yaml").open("w", encoding="utf-8") as file:
        YAML(typ="safe").dump(entry, file)
    (fault,) = faults(params, tmp_path)
    assert fault.startswith(
        "download.corpus: mine, splits.dev.source: sacreBLEU has no test set wmt99 ("
    )


def test_r_drop_needs_dropout(params: dict[str, Any]) -> None:
    params["train"]["r_drop"] = 5.0
    check_params(params, CATALOGUE)
    params["model"] |= {"embedding_dropout": 0.0, "readout_dropout": 0.0}
    refused = [
        "train.r_drop: two passes without dropout are identical: set one of "
        "model.embedding_dropout, layer_dropout (of use with two layers on a side) and "
        "readout_dropout above 0, or r_drop to 0.0"
    ]
    # A single layer on each side has none to drop between.
    assert params["model"]["layer_dropout"] > 0
    assert faults(params) == refused
    for side in ("encoder_layers", "decoder_layers"):
        check_params(params | {"model": params["model"] | {side: 2}}, CATALOGUE)
    params["model"] |= {"encoder_layers": 2, "layer_dropout": 0.0}
    assert faults(params) == refused


def test_frozen_embeddings_need_vectors(params: dict[str, Any]) -> None:
    params["model"]["freeze_embeddings"] = True
    assert faults(params) == [
        "model.freeze_embeddings: without pretrained vectors embeddings would stay as they were "
        "drawn: name some in download.src_vectors or tgt_vectors, or set it to false"
    ]
    params["download"]["tgt_vectors"] = "own.txt"
    check_params(params, CATALOGUE)


def test_a_faulty_catalogue_entry_is_found_too(params: dict[str, Any], tmp_path: Path) -> None:
    name = params["download"]["corpus"]
    text = (CATALOGUE / f"{name}.yaml").read_text(encoding="utf-8")
    (tmp_path / f"{name}.yaml").write_text(text + "licens: none\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"licens: unknown key \(did you mean licence\?\)"):
        check_params(params, tmp_path)


@pytest.mark.parametrize(
    ("key", "value", "needed", "other"),
    [("subword_nbest", 8, "unigram", "bpe"), ("bpe_dropout", 0.1, "bpe", "unigram")],
)
def test_cutting_anew_needs_a_vocabulary_of_its_kind(
    params: dict[str, Any], key: str, value: float, needed: str, other: str
) -> None:
    params["train"][key] = value
    params["tokenize"]["model_type"] = other
    assert faults(params) == [
        f"train.{key}: {value} needs a {needed} vocabulary on one side at least: set "
        f"tokenize.model_type to {needed}, or train.{key} to 0"
    ]
    params["tokenize"] |= {"joint_vocabulary": False, "tgt_model_type": needed}
    params["model"]["tie_embeddings"] = "none"
    check_params(params, CATALOGUE)


def test_symbols_that_cleaning_changes_are_never_found(params: dict[str, Any]) -> None:
    params["tokenize"]["user_defined_symbols"] = ["<n>", "a\u0308"]
    assert faults(params) == [
        "tokenize.user_defined_symbols: 'a\u0308' occurs in no text, since prepare.unicode_form "
        "nfc changes it to 'ä'"
    ]
    params["prepare"]["unicode_form"] = "none"
    check_params(params, CATALOGUE)


def test_a_dev_share_needs_a_corpus_without_a_dev_set(params: dict[str, Any]) -> None:
    params["prepare"]["dev_share"] = 0.2
    params["download"]["corpus"] = "multi30k-en-fr"
    assert faults(params) == [
        "prepare.dev_share: multi30k-en-fr has a dev set of its own; set it to 0"
    ]
    params["download"]["corpus"] = "tatoeba-eng-fra"
    check_params(params, CATALOGUE)


def test_faulty_vectors_of_the_catalogue_are_found_too(
    params: dict[str, Any], tmp_path: Path
) -> None:
    """A name that is not in it is a file in data/local/, which download looks for."""
    shutil.copytree(CATALOGUE, tmp_path / "catalogue")
    path = tmp_path / "catalogue" / "vectors" / "glove-6b-100d.yaml"
    params["download"] |= {"src_vectors": "glove-6b-100d", "tgt_vectors": "own.txt"}
    check_params(params, tmp_path / "catalogue")
    path.write_text(path.read_text(encoding="utf-8") + "licens: none\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"download\.src_vectors: (.|\n)*licens: unknown key"):
        check_params(params, tmp_path / "catalogue")
