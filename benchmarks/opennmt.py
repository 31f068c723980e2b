"""R1's training beside that of OpenNMT-py on the same machine, in turns.

    CORPUS_MIRROR=../shared/corpora PYTHONPATH=src python -m benchmarks.opennmt PYTHON

PYTHON is that of an environment of its own in which `python -m onmt.bin.train` runs; this project's
does not know OpenNMT-py. Both read the same pieces, in batches of 64 sentences of similar lengths;
OpenNMT-py trains in float32, as it does on a CPU, this project in the number type that suits the
machine. For each way of training: the target tokens a second of this project, before and after,
OpenNMT-py's between them, and the ratio.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from ruamel.yaml import YAML

from attn2seq.errors import UserError
from attn2seq.model.device import describe_device, tune_cpu
from attn2seq.tokenization.token_store import TokenStore
from attn2seq.tokenization.tokenizer import Tokenizer
from benchmarks.r1 import r1_place
from benchmarks.training_step import Watch, measure, where

SENTENCES, WARM_UP, WINDOWS, STEPS = 64, 100, 5, 20
SPEED = re.compile(r"Step (\d+)/.*?(\d+)/(\d+) tok/s")  # source and target tokens a second


def main(python: str) -> None:
    tune_cpu()
    place = r1_place()
    device, number_type = where(place)
    kind = str(number_type).removeprefix("torch.")
    print(f"R1, {kind}, {describe_device(device)}; target tokens a second")
    print(f"{'input feeding':15}{'attn2seq':>18}{'OpenNMT-py':>12}{'ratio':>7}")
    with tempfile.TemporaryDirectory() as name:
        corpus = write_pieces(place, Path(name))
        for feeding in (False, True):
            before = attn2seq(place, feeding)
            theirs = opennmt(python, corpus, feeding)
            after = attn2seq(place, feeding)
            ratio = statistics.mean([before, after]) / theirs
            print(
                f"{'yes' if feeding else 'no':15}{before:>9,.0f}{after:>9,.0f}{theirs:>12,.0f}"
                f"{ratio:>7.2f}",
                flush=True,
            )


def attn2seq(place: Path, feeding: bool) -> float:
    """Target tokens a second, the median of its windows after the warm-up."""
    watch = Watch(warm_up=WARM_UP, windows=WINDOWS, steps=STEPS)
    return measure(place, SENTENCES, feeding, watch).tokens_per_second


def write_pieces(place: Path, folder: Path) -> Path:
    """The training pairs as lines of pieces, and the vocabularies that hold them."""
    data = place / "data" / "tokenized"
    for side in ("src", "tgt"):
        tokenizer, store = Tokenizer(data / f"{side}.model"), TokenStore(data / f"train.{side}")
        pieces = tokenizer.pieces(range(tokenizer.vocabulary_size))
        with (folder / f"train.{side}").open("w", encoding="utf-8") as file:
            file.writelines(
                " ".join(pieces[token] for token in store[row]) + "\n" for row in range(len(store))
            )
        with (folder / f"vocabulary.{side}").open("w", encoding="utf-8") as file:
            file.writelines(f"{piece}\t1\n" for piece in pieces)
    return folder


def opennmt(python: str, corpus: Path, feeding: bool) -> float:
    """Target tokens a second, the median of its reports after the warm-up."""
    settings = {
        "data": {
            "multi30k": {
                "path_src": str(corpus / "train.src"),
                "path_tgt": str(corpus / "train.tgt"),
            }
        },
        "src_vocab": str(corpus / "vocabulary.src"),
        "tgt_vocab": str(corpus / "vocabulary.tgt"),
        "save_model": str(corpus / "model"),
        "overwrite": True,
        "encoder_type": "brnn",
        "decoder_type": "rnn",
        "rnn_type": "LSTM",
        "enc_layers": 1,
        "dec_layers": 1,
        "word_vec_size": 256,
        "hidden_size": 512,  # of both directions together
        "global_attention": "mlp",
        "input_feed": int(feeding),
        "dropout": [0.2],
        "label_smoothing": 0.1,
        "optim": "adam",
        "learning_rate": 0.001,
        "batch_type": "sents",
        "batch_size": SENTENCES,
        "normalization": "tokens",
        "train_steps": WARM_UP + WINDOWS * STEPS,
        "report_every": STEPS,
        "save_checkpoint_steps": 10**6,
        "valid_steps": 10**6,
    }
    config = corpus / "config.yaml"
    YAML().dump(settings, config)
    ended = subprocess.run(
        [python, "-m", "onmt.bin.train", "-config", str(config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    reports = [(int(step), float(tgt)) for step, _, tgt in SPEED.findall(ended.stdout)]
    speeds = [tgt for step, tgt in reports if step > WARM_UP]
    if ended.returncode or not speeds:
        raise UserError(f"OpenNMT-py did not train; it said last:\n{ended.stdout[-2000:]}")
    return statistics.median(speeds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="R1's training beside that of OpenNMT-py.")
    parser.add_argument("python", help="of an environment with OpenNMT-py")
    try:
        main(parser.parse_args().python)
    except UserError as error:
        sys.exit(str(error))
