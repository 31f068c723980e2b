"""What `publish` writes: a whole model, a card that the hub's library reads, its checksums."""

import subprocess
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from tiny_model import TEXTS

from attn2seq.api import load
from attn2seq.card_metadata import card_metadata
from attn2seq.cli.main import main
from attn2seq.errors import UserError
from attn2seq.hub.folder import write_for_hub
from attn2seq.model_folder import read_model_folder

MODEL = {"config.json", "model.safetensors", "src.model", "tgt.model"}


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_folder_is_the_model_its_card_and_their_checksums(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "published"
    assert main(["publish", str(model), "--to", str(out)]) == 0
    assert files(out) == {
        *MODEL, *(f"members/other/{name}" for name in MODEL), "README.md", "SHA256SUMS",
    }  # fmt: skip
    assert capsys.readouterr().out.startswith(f"{out}: 10 files, ")
    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    done = subprocess.run(check, cwd=out, capture_output=True, text=True, check=True)
    assert done.stdout.count(": OK") == 9
    here, there = load(model), load(out)
    assert there.settings.ensemble == ["other"]
    assert [each.text for each in there.translate(TEXTS)] == [
        each.text for each in here.translate(TEXTS)
    ]


def test_the_licence_is_said(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["publish", str(model), "--to", str(tmp_path / "published")]) == 0
    assert "licence in the card: cc-by-nc-sa-4.0. It is the corpus's" in capsys.readouterr().out


def test_the_hubs_library_reads_the_cards_metadata(model: Path, tmp_path: Path) -> None:
    write_for_hub(read_model_folder(model), tmp_path / "published")
    data = ModelCard.load(tmp_path / "published/README.md").data
    assert (data.license, data.language) == ("cc-by-nc-sa-4.0", ["en", "de"])
    assert (data.library_name, data.pipeline_tag) == ("attn2seq", "translation")
    assert data.metrics == ["bleu"]
    [score] = data.eval_results
    assert (score.task_type, score.dataset_name, score.dataset_split) == (
        "translation", "Toys", "test",
    )  # fmt: skip
    assert (score.metric_type, score.metric_value) == ("bleu", 12.35)
    assert score.metric_args == {"signature": "nrefs:1|case:mixed"}


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("Apache 2.0", {"license": "apache-2.0"}),
        ("CC-BY 2.0, attribution to tatoeba.org", {"license": "cc-by-2.0"}),
        ("unknown; each part has its own", {"license": "unknown"}),
        ("none stated", {"license": "other", "license_name": "none-stated"}),
        ("CC-BY 2.0 (France)", {"license": "other", "license_name": "cc-by-2.0-france"}),
    ],
)
def test_licences_by_the_hubs_names(licence: str, expected: dict[str, str]) -> None:
    facts = {"name": "a", "task": "spelling", "src_lang": "en", "tgt_lang": "arpabet"}
    data = ModelCard(card_metadata(facts | {"licence": licence})).data.to_dict()
    assert {key: value for key, value in data.items() if key.startswith("license")} == expected
    # A task and a language that the hub does not know.
    assert (data["language"], data["tags"]) == (["en"], ["sequence-to-sequence", "spelling"])
    assert "pipeline_tag" not in data


def test_the_same_again_is_no_mistake_and_something_else_stays(model: Path, tmp_path: Path) -> None:
    out, found = tmp_path / "published", read_model_folder(model)
    write_for_hub(found, out)
    first = {name: (out / name).read_bytes() for name in files(out)}
    write_for_hub(found, out)
    (out / "README.md").write_text("my own card")
    with pytest.raises(UserError, match="published is there and holds something else"):
        write_for_hub(found, out)
    assert (out / "README.md").read_text() == "my own card"
    assert files(out) == set(first)
    assert not list(tmp_path.glob("*.new"))
    (tmp_path / "file").write_text("a file")
    with pytest.raises(UserError, match="file is there and holds something else"):
        write_for_hub(found, tmp_path / "file")


def test_a_published_folder_is_published_with_its_owners_card(model: Path, tmp_path: Path) -> None:
    write_for_hub(read_model_folder(model), tmp_path / "first")
    card = tmp_path / "first/README.md"
    card.write_text(card.read_text().replace("cc-by-nc-sa-4.0", "mit"))
    again = write_for_hub(read_model_folder(tmp_path / "first"), tmp_path / "second")
    assert again.licence == "mit"
    assert (tmp_path / "second/README.md").read_text() == card.read_text()


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("README.md", "# toy-en-de\n", "README.md names no licence.*at the top"),
        ("README.md", "---\nlicense: [\n---\n", "README.md: what is between .* is no YAML"),
        ("README.md", "---\nmit\n---\n", "must be keys with values"),
        ("README.md", None, r"README.md cannot be read.*published with its card"),
        ("tgt.model", None, r"tgt\.model is missing"),
        ("members/other/config.json", None, r"other holds no model"),
        ("members/other/model.safetensors", "x", r"members/other/model.safetensors is damaged"),
    ],
)  # fmt: skip
def test_what_is_not_whole_is_not_published(
    model: Path, tmp_path: Path, name: str, content: str | None, fault: str
) -> None:
    if content is None:
        (model / name).unlink()
    else:
        (model / name).write_text(content)
    with pytest.raises(UserError, match=fault):
        write_for_hub(read_model_folder(model), tmp_path / "published")
    assert not list(tmp_path.glob("published*"))


def test_what_training_left_is_not_complete(model_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not complete by itself"):
        write_for_hub(read_model_folder(model_folder), tmp_path / "published")


def test_a_place_has_to_be_named(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["publish", str(model)]) == 1
    assert "say where to: --to FOLDER" in capsys.readouterr().err
    assert main(["publish", str(model), "--to", "there", "--public"]) == 1
    assert "--public goes with --push" in capsys.readouterr().err
