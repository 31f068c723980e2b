"""A model that reads recordings, as a folder, in batches, in ensembles and behind the demo."""

import base64
from pathlib import Path

import numpy as np
import pytest
import torch
from browser import Browser
from demo_server import live_model, served
from headless_browser import PICTURES, needs_browser
from table_model import decode_settings
from tiny_model import TEXTS, VOCABULARY, tiny_model
from tiny_tokenizer import tiny_tokenizer
from tone_corpus import RATE, encoded, tone

import attn2seq
from attn2seq.cli.demo_answers import LiveListener
from attn2seq.cli.demo_app import make_app
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.decoding.transcriber import Transcriber
from attn2seq.errors import UserError
from attn2seq.features.settings import FrameFormat, FrameSource, positions
from attn2seq.model.checkpoint import save_model, weights_of
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.tokenization.tokenizer import EOS_ID

BINS = 16
WORDS = [["do"], ["mi", "so", "ti"], ["ti"] * 4, ["so", "do"], ["do"]]


def write_model(
    folder: Path, seed: int = 5, kind: str = "convolution", attention: str = "additive"
) -> Path:
    """Random weights, far from uniform."""
    form = FrameFormat(
        sample_rate=RATE, mel_bins=BINS, mean=[5.0] * BINS, deviation=[4.0] * BINS
    )  # fmt: skip
    source = FrameSource.model_validate({"frames": form, "front_end": kind, "front_end_size": 4})
    model_settings = tiny_model(attention).settings  # draws weights of its own
    torch.manual_seed(seed)
    model = Seq2Seq(model_settings, 0, VOCABULARY, source)
    for parameter in model.parameters():
        parameter.data.mul_(4)
    model.output.bias.data.zero_()
    model.output.bias.data[EOS_ID] = 1
    folder.mkdir(parents=True)
    save_model(folder, model, weights_of(model))
    (folder / "tgt.model").write_bytes(tiny_tokenizer(TEXTS))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("spoken") / "model")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    place, generator = tmp_path_factory.mktemp("wav"), np.random.default_rng(1)
    paths = []
    for number, words in enumerate(WORDS):
        path = place / f"{number}.wav"
        path.write_bytes(encoded(tone(words, generator)))
        paths.append(str(path))
    return paths


def settings(**changes: object) -> DecodeSettings:
    return decode_settings(**{"max_length_factor": 1.0, "max_source_length": 500} | changes)


def transcriber(folder: Path, *further: Path, **changes: object) -> Transcriber:
    return Transcriber(folder, settings(**changes), further=further)


@pytest.mark.parametrize("attention", ["additive", "location_aware"])
@pytest.mark.parametrize("beam_size", [1, 3])
def test_other_recordings_of_a_batch_change_nothing(
    tmp_path: Path, recordings: list[str], beam_size: int, attention: str
) -> None:
    folder = write_model(tmp_path / "model", attention=attention)
    model = transcriber(folder, beam_size=beam_size)
    together = model.translate(recordings, attention_maps=9)
    assert len({found.text for found in together}) > 1
    for path, found in zip(recordings, together, strict=True):
        [alone] = model.translate([path], attention_maps=1)
        assert alone.text == found.text
        assert alone.hypotheses[0].score == pytest.approx(found.hypotheses[0].score, abs=1e-4)
        weights = found.hypotheses[0].attn_weights_TS
        assert weights is not None
        count = positions(len(model.frames_of(path)))
        assert weights.shape[1] == count == len(found.src_pieces)
        np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-4)


def test_a_score_is_that_of_the_search(folder: Path, recordings: list[str]) -> None:
    model = transcriber(folder, beam_size=4)
    found = [each.hypotheses[0] for each in model.translate(recordings)]
    scores = model.score(recordings, [each.text for each in found])
    for score, hypothesis in zip(scores, found, strict=True):
        # A text can be cut in other ways than the search wrote it.
        assert score <= 0
        if (
            tuple(model.tgt_tokenizer.pieces(model.tgt_tokenizer.encode([hypothesis.text])[0]))
            == (hypothesis.pieces[:-1])
        ):
            assert score == pytest.approx(hypothesis.log_prob, abs=1e-3)


def test_samples_do_not_depend_on_the_batch(folder: Path, recordings: list[str]) -> None:
    model = transcriber(folder, search="sampling", nbest=3)
    together = model.translate(recordings)
    [alone] = model.translate(recordings[1:2])
    assert [each.text for each in alone.hypotheses] == [
        each.text for each in together[1].hypotheses
    ]


def test_long_recordings_are_cut_and_told(folder: Path, recordings: list[str]) -> None:
    said: list[str] = []
    model = Transcriber(folder, settings(max_source_length=5), said.append)
    [found] = model.translate(recordings[2:3], attention_maps=1)
    assert found.notes[0].startswith("cut to the first 0.2 of 0.")
    assert found.src_pieces == ("0.00", "0.04", "0.08", "0.12", "0.16")
    assert len(said) == 1


def test_load_makes_one_from_a_folder(folder: Path, recordings: list[str]) -> None:
    model = attn2seq.load(folder, device="cpu", beam_size=4, threads=1)
    assert isinstance(model, Transcriber)
    assert model.sample_rate == RATE
    assert [each.text for each in model.translate(recordings)]


def test_an_ensemble_of_two(folder: Path, recordings: list[str], tmp_path: Path) -> None:
    other = write_model(tmp_path / "other", seed=9, kind="pyramid")
    one, two = (transcriber(each).score(recordings, ["a dog"] * 5) for each in (folder, other))
    both = transcriber(folder, other, ensemble=["other"]).score(recordings, ["a dog"] * 5)
    assert both != one
    assert both != two
    same = transcriber(folder, folder, ensemble=["same"]).score(recordings, ["a dog"] * 5)
    np.testing.assert_allclose(same, one, atol=1e-3)


def test_texts_and_recordings_do_not_go_together(folder: Path, model_folder: Path) -> None:
    with pytest.raises(UserError, match="sources of different kinds, texts and recordings"):
        transcriber(folder, model_folder, ensemble=["m"])


def test_files_that_cannot_be_read(folder: Path, tmp_path: Path) -> None:
    model = transcriber(folder)
    with pytest.raises(UserError, match=r"none.wav cannot be read: No such file"):
        model.translate([str(tmp_path / "none.wav")])
    path = tmp_path / "fast.wav"
    path.write_bytes(encoded(tone(["do"], np.random.default_rng(1)), rate=16000))
    with pytest.raises(UserError, match=r"fast.wav has 16,000 samples per second, not 8,000"):
        model.translate([str(path)])


def test_a_folder_whose_source_does_not_fit_is_told(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.mkdir()
    for file in folder.iterdir():
        (path / file.name).write_bytes(file.read_bytes())
    config = (path / "config.json").read_text()
    (path / "config.json").write_text(
        config.replace('"src_vocabulary_size": 0', '"src_vocabulary_size": 36')
    )
    with pytest.raises(UserError, match="0 with the section source"):
        attn2seq.load(path)


def test_the_demo_takes_a_file_and_no_path(folder: Path, recordings: list[str]) -> None:
    model = transcriber(folder, nbest=2, beam_size=4)
    client = make_app(LiveListener(model), "spoken", []).test_client()
    base = "http://127.0.0.1"
    page = client.get("/", base_url=base).text
    assert 'type="file"' in page
    assert "8,000 samples per second" in page
    content = Path(recordings[1]).read_bytes()

    def post(address: str, **values: str) -> tuple[int, dict[str, object]]:
        answer = client.post(address, json=values, base_url=base)
        assert isinstance(answer.json, dict)
        return answer.status_code, answer.json

    status, answer = post("/answer", recording=base64.b64encode(content).decode())
    assert status == 200
    [expected] = model.translate(recordings[1:2])
    hypotheses = answer["hypotheses"]
    assert isinstance(hypotheses, list)
    assert hypotheses[0]["text"] == expected.text
    attention = hypotheses[0]["attention"]
    assert attention["bins"] == BINS
    assert len(base64.b64decode(attention["mels"])) == BINS * len(attention["src"])
    assert post("/answer", text=recordings[1], prefix="")[0] == 400
    status, answer = post("/answer", recording=base64.b64encode(b"no audio").decode())
    assert status == 400
    assert str(answer["error"]).startswith("The recording cannot be read as wav")
    assert post("/answer", recording="!")[0] == 400


def test_a_demo_of_texts_takes_no_recording(model_folder: Path) -> None:
    client = make_app(live_model(model_folder), "texts", []).test_client()
    answer = client.post("/answer", json={"recording": ""}, base_url="http://127.0.0.1")
    assert answer.status_code == 400


@needs_browser
def test_the_page_takes_a_recording(folder: Path, recordings: list[str], tmp_path: Path) -> None:
    live = LiveListener(transcriber(folder, nbest=2, beam_size=4))
    [expected] = live.translator.translate([recordings[3]])
    assert expected.text.strip()  # an empty text is shown in words
    with Browser(tmp_path) as browser, served(live) as address:
        page = browser.open(address, 1000, 900)
        page.choose("#file", Path(recordings[3]))
        page.wait_for("!document.getElementById('result').hidden")
        assert page.value("document.getElementById('best').textContent") == expected.text
        assert page.value("document.querySelectorAll('#map svg g').length") == len(
            expected.hypotheses[0].pieces
        )
        assert page.value("document.querySelector('#map canvas').width") > 1
        assert page.complaints() == []
        assert page.barriers() == []
        page.picture(PICTURES / "demo-recording.png", whole=True)
        page.choose("#file", Path(__file__))
        fault = page.wait_for("document.getElementById('fault').textContent")
        assert fault.startswith("The recording")
