"""The champion: the best by dev score, and none that is worse unless told."""

from pathlib import Path

import pytest
from tracked_runs import client_of
from tracked_workspace import run_stages, write_lock

from attn2seq.cli.main import main
from attn2seq.cli.register import Judged
from attn2seq.runs import show as track
from attn2seq.runs.registry import Candidate


def add_run(root: Path, beam_size: int) -> None:
    """Its score is one more than the beam's size."""
    lines = (root / "params.yaml").read_text().splitlines()
    changed = [
        f"decode: {{beam_size: {beam_size}}}" if "beam_size" in line else line for line in lines
    ]
    (root / "params.yaml").write_text("\n".join(changed) + "\n")
    run_stages(root, "decode", "evaluate", "package", "report")
    write_lock(root)
    assert track.main(["--quiet"]) == 0


def champion_of(root: Path) -> tuple[str, str]:
    """The name of the champion's run, and its card."""
    client = client_of(root)
    version = client.get_model_version_by_alias("toy-en-de", "champion")
    return client.get_run(version.run_id).info.run_name, version.description


def test_the_best_is_champion_and_a_worse_one_is_refused(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["register"]) == 1
    assert "no finished run of toy-en-de" in capsys.readouterr().err
    assert main(["serve", "--port", "1"]) == 1
    assert "`attn2seq register` makes one" in capsys.readouterr().err
    for beam_size in (5, 9, 7):
        add_run(finished, beam_size)
    assert main(["register"]) == 0
    name, card = champion_of(finished)
    assert name == "beam_size=9"
    for part in (
        "licence: CC BY 2.0", "Toy (2020)", "| BLEU ↑ | 10.00 (1.0–9.0) |", "s, 1",
        "decode.beam_size: 9", "toy-en-de/train", "models:/toy-en-de@champion",
    ):  # fmt: skip
        assert part in card
    capsys.readouterr()
    assert main(["register", "--run", "beam_size=7"]) == 1
    said = capsys.readouterr().err
    assert "beam_size=7 (dev/bleu 8.00) is no better than the champion beam_size=9" in said
    assert "FORCE=1" in said
    assert champion_of(finished)[0] == "beam_size=9"
    assert main(["register", "--run", "beam_size=7", "--force"]) == 0
    assert champion_of(finished)[0] == "beam_size=7"
    assert main(["register"]) == 0
    assert champion_of(finished)[0] == "beam_size=9"
    assert main(["register"]) == 0
    assert "already" in capsys.readouterr().out
    assert len(client_of(finished).search_model_versions("name = 'toy-en-de'")) == 2
    assert main(["register", "--run", "nobody"]) == 1
    assert "no run with a model is called 'nobody'" in capsys.readouterr().err


def test_a_model_that_has_learned_nothing_is_refused(
    finished: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_run(finished, beam_size=-1)  # a score of 0.00
    assert main(["register"]) == 1
    said = capsys.readouterr().err
    assert "baseline (dev/bleu 0.00) is no better than a model that has learned nothing" in said
    assert "`make register FORCE=1`" in said
    assert client_of(finished).search_registered_models() == []
    assert main(["register", "--force"]) == 0
    assert champion_of(finished)[0] == "baseline"


@pytest.mark.parametrize(
    ("metric", "score", "useless"),
    [
        ("bleu", 0.01, False), ("accuracy", 0.0, True), ("word_error_rate", 99.9, False),
        ("word_error_rate", 100.0, True), ("perplexity", 120.0, False),
    ],
)  # fmt: skip
def test_which_scores_say_that_nothing_was_learned(
    metric: str, score: float, useless: bool
) -> None:
    nobody = Candidate("r", "name", "m", {}, {}, {}, {})
    assert Judged(nobody, metric, score).is_useless is useless
