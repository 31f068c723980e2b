"""That the benchmarks can be run: what they measure is not looked at."""

import importlib
import pkgutil
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch

from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.training.loop import Trainer
from benchmarks import __main__ as bench
from benchmarks import gnmt_gpu, limit, training_step
from benchmarks.gnmt import LONGEST, synthetic_pairs
from benchmarks.limit import multiply_adds, training_flop
from benchmarks.training_step import Watch
from benchmarks.ways import WAYS

ROOT = Path(__file__).parents[2]
MODULES = [
    module.name for module in pkgutil.walk_packages([str(ROOT / "benchmarks")], "benchmarks.")
]


@pytest.mark.parametrize("name", MODULES)
def test_each_module_can_be_imported(name: str) -> None:
    importlib.import_module(name)


def test_each_name_is_a_script() -> None:
    assert {f"benchmarks.{name}" for name in (*bench.SCRIPTS, *bench.ON_A_GPU)} < set(MODULES)


@pytest.mark.parametrize("way", WAYS)
def test_what_stands_for_a_way_is_still_there_to_be_replaced(way: str) -> None:
    with WAYS[way]:
        pass


def stand_in_trainer() -> SimpleNamespace:
    return SimpleNamespace(
        model=torch.nn.Linear(1, 1),
        device=torch.device("cpu"),
        progress=SimpleNamespace(tokens=0),
    )


def test_the_measured_windows_come_after_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(limit.SIZES, "cpu", 64)  # its product would take seconds
    watch = Watch(warm_up=3, windows=2, steps=4)
    trainer = stand_in_trainer()
    watch.trainer = cast(Trainer, trainer)
    steps = 0
    while watch() is None:
        steps += 1
        trainer.progress.tokens += 7
    assert steps + 1 == 3 + 2 * 4
    assert watch.tokens == [4 * 7, 4 * 7]
    assert len(watch.flops) == 3


@pytest.mark.parametrize("asked", [None, torch.bfloat16])
def test_the_limit_is_that_of_the_model_or_of_the_number_type_asked_for(
    asked: torch.dtype | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = []

    def product_flops(number_type: torch.dtype, device: torch.device) -> float:
        measured.append(number_type)
        return 1.0

    monkeypatch.setattr(training_step, "product_flops", product_flops)
    watch = Watch(warm_up=1, windows=1, steps=1, limit_type=asked)
    watch.trainer = cast(Trainer, stand_in_trainer())
    while watch() is None:
        pass
    assert measured == [asked or torch.float32] * 2


def test_a_share_is_of_the_windows_own_limit() -> None:
    """Of 50 in 100 tokens a second, of 40 in 200, of 30 in 150: the median, one fifth."""
    watch = Watch()
    watch.seconds, watch.tokens = [1.0, 2.0, 1.0], [50, 80, 30]
    watch.flops = [100.0, 300.0, 500.0, 100.0]  # 2 operations a token
    speed = watch.speed(flop=2.0)
    assert speed.tokens_per_second == 40
    assert speed.limit == 150
    assert speed.share == pytest.approx(0.2)


def test_multiply_adds_are_those_of_a_source_and_of_a_target_token(
    small_model: Callable[..., Seq2Seq],
) -> None:
    """Gates, keys; and gates, query, score, readout, output, by hand. Not the bridge."""
    sizes = {"embedding_size": 3, "encoder_hidden_size": 5, "decoder_hidden_size": 7}
    sizes |= {"attention_size": 11, "readout_size": 13}
    model = small_model(
        **sizes, cell="lstm", attention="additive", encoder_layers=1, decoder_layers=1,
        bidirectional="all", bridge="learnt", tie_embeddings="none",
    )  # fmt: skip
    src, tgt = multiply_adds(model)
    assert src == 2 * 4 * 5 * (3 + 5) + 10 * 11
    assert tgt == 4 * 7 * (3 + 7) + 7 * 11 + 11 + (7 + 10) * 13 + 13 * 20
    assert training_flop(model, 2, 3) == 6 * (2 * src + 3 * tgt)


def test_gnmt_prints_its_rows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Tiny; that translations are as long as their sources it sees to itself."""
    monkeypatch.setitem(limit.SIZES, "cpu", 64)
    gnmt_gpu.main(gnmt_gpu.TINY)
    _, _, *rows = capsys.readouterr().out.splitlines()
    assert [row[:34].rstrip() for row in rows] == [
        "training, batch 8, tokens/s",
        "greedy, batch 4, sentences/s",
        "beam 5, batch 4, sentences/s",
        "greedy, one sentence, ms",
        "beam 5, one sentence, ms",
    ]


def test_lengths_are_those_of_wmt16() -> None:
    sources, targets = synthetic_pairs(5000, 100)
    lengths = np.array([list(map(len, side)) for side in (sources, targets)])
    assert lengths.mean(axis=1) == pytest.approx([27, 27], abs=0.5)
    assert lengths.min() >= 1
    assert lengths.max() == LONGEST
    assert np.corrcoef(lengths)[0, 1] > 0.9


def test_an_unknown_name_is_told_so() -> None:
    command = [sys.executable, "-m", "benchmarks", "nonsense"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 2
    assert "no benchmark nonsense; there are training_step, decoding" in ended.stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["cutting_anew"], "the following arguments are required: prepared"),
        (["data_stages", "many"], "invalid int value: 'many'"),
        (["word_lookup", "--raw"], "argument --raw: expected one argument"),
    ],
)
def test_a_wrong_call_ends_with_the_usage(
    words: list[str],
    complaint: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", words)
    monkeypatch.delitem(sys.modules, f"benchmarks.{words[0]}", raising=False)
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(f"benchmarks.{words[0]}", run_name="__main__")
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert told.startswith("usage: ")
    assert complaint in told


def test_a_result_stands_below_what_it_was_measured_on(tmp_path: Path) -> None:
    result = tmp_path / "day" / "one.txt"
    bench.record([sys.executable, "-c", "print('12 tokens/s')"], result, "threads: 2")
    assert result.read_text(encoding="utf-8") == "threads: 2\n\n12 tokens/s\n"


def test_a_failing_script_leaves_no_result(tmp_path: Path) -> None:
    fails = "print('12 tokens/s'); raise SystemExit('out of luck')"
    with pytest.raises(bench.FailedError, match="status 1"):
        bench.record([sys.executable, "-c", fails], tmp_path / "one.txt", "threads: 2")
    assert not list(tmp_path.iterdir())


def test_the_others_run_where_one_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = []

    def record(command: list[str], path: Path, heading: str) -> None:
        ran.append(path.stem)
        if path.stem == "decoding":
            raise bench.FailedError("out of luck")

    monkeypatch.setattr(bench, "record", record)
    assert bench.main(["decoding", "latency"]) == 1
    assert ran == ["decoding", "latency"]
    assert "decoding failed: out of luck" in capsys.readouterr().err


def test_the_heading_names_no_machine() -> None:
    names = [line.partition(":")[0] for line in bench.measured_on().splitlines()]
    assert names[:4] == ["commit", "torch", "CPU", "threads"]
    assert str(ROOT) not in bench.measured_on()
