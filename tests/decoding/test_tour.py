"""The tour tells what the modules do: its figures are theirs, and its toy learns its task."""

import re
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest
from table_model import decode_settings

from attn2seq.decoding.translator import Translator
from attn2seq.tokenization.tokenizer import Tokenizer

ROOT = Path(__file__).parents[2]
TEXT = "a dog runs on the grass"


@pytest.fixture(scope="module")
def tour() -> Callable[[list[str]], None]:
    main: Callable[[list[str]], None] = runpy.run_path(str(ROOT / "docs" / "tour.py"))["main"]
    return main


def test_a_model_that_is_there(
    tour: Callable[[list[str]], None], model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tour(["--model", str(model_folder), TEXT])
    told = capsys.readouterr().out
    assert "a toy is trained" not in told
    assert [line for line in told.splitlines() if re.match(r"\d\. ", line)] != []
    [ids] = Tokenizer(model_folder / "src.model").encode([TEXT])
    assert f"as ids            {ids}\n" in told
    assert f"shape (1, {len(ids) + 1}, 16)" in told
    # The greedy steps are those of the search with a beam of 1, as far as they are shown.
    greedy = decode_settings(beam_size=1, max_length_factor=5.0, attention_maps=1)
    [expected] = Translator(model_folder, greedy).translate([TEXT], attention_maps=1)
    steps = re.findall(r"step +(\d+)  (\S+) +[\d.]+%  \|.*looked at (\S+) \((\d+)%\)", told)
    best = expected.hypotheses[0]
    assert best.attn_weights_TS is not None
    for (_, piece, looked, share), wanted, weights_S in zip(
        steps, best.pieces, best.attn_weights_TS, strict=False
    ):
        assert piece == wanted
        assert looked == expected.src_pieces[int(weights_S.argmax())]
        assert int(share) == round(100 * float(weights_S.max()))
    assert len(steps) >= 3


def test_the_toy_learns_to_count_backwards_in_german(
    tour: Callable[[list[str]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    tour(["--toy", "nine one seven"])
    told = capsys.readouterr().out
    assert "a toy is trained" in told
    assert told.endswith("\nThe translation: sieben eins neun\n")
    ended = re.findall(r"step +\d+ +(-?[\d.]+)  ended: (.*)", told)
    assert len(ended) >= 3
    assert float(ended[0][0]) == max(float(score) for score, _ in ended)
    # By hand and by the real search, the same text wins.
    assert ended[0][1] == "sieben eins neun"
    looked = re.findall(r"looked at (\S+) \(", told)
    assert looked[:3] == ["▁seven", "▁one", "▁nine"]
