"""A tour: from a sentence to its translation, through the modules that do the work.

    python docs/tour.py                          with the model in models/model
    python docs/tour.py "Where is the station?"
    python docs/tour.py --toy                    with a toy model, trained on the spot in seconds

Read it from top to bottom: each chapter prints what it has found, and hands it to the next.
Shapes: B batch (here one sentence), S source positions, H units of an encoder state, K beam,
N rows of a decoder step, V target vocabulary.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from attn2seq.batching.batch import make_batch, pad_batch
from attn2seq.config import read_yaml
from attn2seq.decoding.beam import beam_search
from attn2seq.decoding.candidates import best_continuations
from attn2seq.decoding.search import NEVER
from attn2seq.decoding.settings import DecodeSettings
from attn2seq.errors import UserError
from attn2seq.model.checkpoint import load_model, save_model, weights_of
from attn2seq.model.encoder import Encoded
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings
from attn2seq.tokenization.settings import TokenizeSettings
from attn2seq.tokenization.tokenizer import BOS_ID, EOS_ID, Tokenizer
from attn2seq.tokenization.vocabulary import VocabularySpec, learn_vocabulary
from attn2seq.training.loss import sequence_loss

PARAMS = Path(__file__).parents[1] / "params.yaml"
BEAM = 3
SHADES = " ░▒▓█"
ENGLISH = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
GERMAN = ["eins", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"]


def main(arguments: list[str] | None = None) -> None:
    """All chapters, one after the other."""
    options = _parser().parse_args(arguments)
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder, sentence = options.model, options.sentence
        if options.toy or not (folder / "config.json").is_file():
            folder, sentence = Path(scratch), sentence or "one two three four"
            train_toy(folder)
        model = load_model(folder, torch.device("cpu"), torch.float32)
        src_tokenizer = Tokenizer(folder / "src.model")
        tgt_tokenizer = Tokenizer(folder / "tgt.model")
    with torch.inference_mode():
        src_BS, src_lengths_B = read(sentence or "Where is the station?", src_tokenizer)
        encoded = encode(model, src_BS, src_lengths_B)
        greedy_steps(model, encoded, src_tokenizer.pieces(src_BS[0].tolist()), tgt_tokenizer)
        beam_steps(model, encoded, tgt_tokenizer)
        search(model, src_BS, src_lengths_B, tgt_tokenizer)


def read(sentence: str, tokenizer: Tokenizer) -> tuple[Tensor, Tensor]:
    """Chapter 1: a sentence becomes numbers."""
    chapter("1. Pieces and their ids (tokenization/tokenizer.py, batching/batch.py)")
    [ids] = tokenizer.encode([sentence])
    print(f"The sentence      {sentence}")
    print(f"in pieces         {' '.join(tokenizer.pieces(ids))}      (▁: a space before)")
    print(f"as ids            {ids}")
    src_BS, src_lengths_B = pad_batch([ids])
    print(f"as a batch        {src_BS.tolist()}, shape {tuple(src_BS.shape)}: the end of the")
    print(f"                  sentence is id {EOS_ID}; lengths {src_lengths_B.tolist()}")
    return src_BS, src_lengths_B


def encode(model: Seq2Seq, src_BS: Tensor, src_lengths_B: Tensor) -> Encoded:
    """Chapter 2: the encoder reads, and leaves a state at every position."""
    chapter("2. Encoder states (model/encoder.py)")
    encoded = model.encode(src_BS, src_lengths_B)
    print(f"enc_states_BSH has shape {tuple(encoded.enc_states_BSH.shape)}: for each position a")
    print("vector that knows its neighbours. The first four of its numbers:")
    for position, state_H in enumerate(encoded.enc_states_BSH[0]):
        print(
            f"  position {position}  " + " ".join(f"{unit:6.2f}" for unit in state_H[:4]) + "  ..."
        )
    return encoded


def greedy_steps(
    model: Seq2Seq, encoded: Encoded, src_pieces: list[str], tokenizer: Tokenizer
) -> None:
    """Chapter 3: the decoder writes piece by piece, and looks back at the source each time."""
    chapter("3. Decoder steps and attention (model/decoder.py, model/attention.py)")
    print("From the piece before to a distribution over all pieces; the likeliest one is taken.")
    print("Attention: how much of each source position went into the choice (they sum to 1).\n")
    state = model.initial_state(encoded)
    tokens_N = torch.tensor([BOS_ID])
    for step in range(1, 2 * len(src_pieces) + 10):
        log_probs_NV, attn_weights_NS, state = model.decode_step(tokens_N, state, encoded)
        log_probs_NV[:, list(NEVER)] = -torch.inf  # padding, start, unknown: they are no text
        best_N, tokens_N = log_probs_NV.max(dim=-1)
        [piece] = tokenizer.pieces(tokens_N.tolist())
        looked = ""
        if attn_weights_NS is not None:
            weights_S = attn_weights_NS[0]
            drawn = "".join(SHADES[min(int(weight * 5), 4)] * 2 for weight in weights_S)
            most = int(weights_S.argmax())
            looked = f"|{drawn}|  looked at {src_pieces[most]} ({weights_S[most]:.0%})"
        print(f"  step {step:2}  {piece:12} {best_N.exp().item():5.1%}  {looked}")
        if int(tokens_N) == EOS_ID:
            break


def beam_steps(model: Seq2Seq, encoded: Encoded, tokenizer: Tokenizer) -> None:
    """Chapter 4: instead of one beginning, the K most probable ones are kept."""
    chapter(f"4. Beam search by hand, K = {BEAM} (decoding/beam.py, decoding/candidates.py)")
    print("At each step every beginning is continued by every piece, and the K most probable")
    print("results live on. One whose end is among the K best is put aside.\n")
    rows = encoded.select(torch.zeros(BEAM, dtype=torch.int64))  # the source, once a beginning
    state = model.initial_state(rows)
    tokens_N = torch.full((BEAM,), BOS_ID)
    scores_BK = torch.tensor([[0.0] + [-torch.inf] * (BEAM - 1)])  # one beginning: the empty one
    beginnings: list[list[int]] = [[] for _ in range(BEAM)]
    ended = 0
    for step in range(1, 2 * encoded.enc_states_BSH.shape[1] + 10):
        log_probs_NV, _, state = model.decode_step(tokens_N, state, rows)
        log_probs_NV[:, list(NEVER)] = -torch.inf
        ends_K = scores_BK[0] + log_probs_NV[:, EOS_ID]
        log_probs_NV[:, EOS_ID] = -torch.inf
        scores_BK, parents_BK, tokens_BK = best_continuations(
            scores_BK, log_probs_NV.unsqueeze(0), BEAM
        )
        others = sorted([*scores_BK[0].tolist(), *ends_K.tolist()], reverse=True)
        for row, end in enumerate(ends_K.tolist()):
            if end >= others[BEAM - 1]:
                ended += 1
                print(
                    f"  step {step:2}  {end:7.2f}  ended: {tokenizer.decode([beginnings[row]])[0]}"
                )
        if ended >= BEAM:
            break
        beginnings = [
            [*beginnings[parent], token]
            for parent, token in zip(parents_BK[0].tolist(), tokens_BK[0].tolist(), strict=True)
        ]
        for score, beginning in zip(scores_BK[0].tolist(), beginnings, strict=True):
            print(f"  step {step:2}  {score:7.2f}  {' '.join(tokenizer.pieces(beginning))}")
        print()
        tokens_N, state = tokens_BK[0], state.select(parents_BK[0])


def search(model: Seq2Seq, src_BS: Tensor, src_lengths_B: Tensor, tokenizer: Tokenizer) -> None:
    """Chapter 5: the real search does the same for many sentences at once, and ranks the ends."""
    chapter("5. The real search (decoding/beam.py, decoding/ranking.py)")
    plain = {
        "search": "beam", "beam_size": BEAM, "nbest": BEAM, "coverage_penalty": 0.0, "mbr": "none",
        "temperature": 1.0, "top_k": 0, "top_p": 1.0, "no_repeat_ngram_size": 0,
        "repetition_penalty": 1.0, "ensemble": [],
    }  # fmt: skip
    settings = DecodeSettings.model_validate(read_yaml(PARAMS)["decode"] | plain)
    print("A score is the log-probability divided by a penalty that grows with the length.\n")
    [found] = beam_search(model, src_BS, src_lengths_B, settings)
    for hypothesis in found:
        [text] = tokenizer.decode([hypothesis.tokens])
        print(
            f"  score {hypothesis.score:6.2f}  log-probability {hypothesis.log_prob:6.2f}  {text}"
        )
    [best] = tokenizer.decode([found[0].tokens])
    print(f"\nThe translation: {best}")


def train_toy(folder: Path) -> None:
    """A model folder like that of `make repro`: English numbers to German ones, backwards."""
    print("Without the model of `make repro`: a toy is trained instead, for some seconds.")
    print("It reads English number words and says them in German, the last one first.\n")
    params = read_yaml(PARAMS)
    draw = random.Random(1)
    pairs = []
    for _ in range(1500):
        numbers = draw.choices(range(len(ENGLISH)), k=draw.randint(2, 6))
        source = " ".join(ENGLISH[number] for number in numbers)
        pairs.append((source, " ".join(GERMAN[number] for number in reversed(numbers))))
    words = VocabularySpec("joint", "word", 100, "vocabulary_size")
    settings = TokenizeSettings.model_validate(params["tokenize"])
    vocabulary = learn_vocabulary([text for pair in pairs for text in pair], words, settings)
    for name in ("src.model", "tgt.model"):
        (folder / name).write_bytes(vocabulary)
    tokenizer = Tokenizer(folder / "src.model")
    sizes = {
        "embedding_size": 32, "encoder_hidden_size": 32, "decoder_hidden_size": 64,
        "attention_size": 32, "readout_size": 32,
    }  # fmt: skip
    model = Seq2Seq(
        ModelSettings.model_validate(params["model"] | sizes),
        tokenizer.vocabulary_size,
        tokenizer.vocabulary_size,
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(1, 201):
        batch = draw.sample(pairs, 32)
        sources, targets = (tokenizer.encode([pair[side] for pair in batch]) for side in (0, 1))
        tensors = make_batch(sources, targets)
        loss = sequence_loss(model, model(tensors), tensors, label_smoothing=0.0)
        tokens = sum(len(ids) + 1 for ids in targets)
        optimizer.zero_grad()
        (loss / tokens).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 50 == 0:
            print(f"  step {step:3}  {loss.item() / tokens:.3f} nats a token")
    save_model(folder, model, weights_of(model))


def chapter(title: str) -> None:
    """A heading."""
    print(f"\n{title}\n{'-' * len(title)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sentence", nargs="?", help="what to translate")
    parser.add_argument("--model", type=Path, default=Path("models/model"), help="model folder")
    parser.add_argument("--toy", action="store_true", help="train a toy even if there is a model")
    return parser


if __name__ == "__main__":
    try:
        main()
    except UserError as mistake:
        sys.exit(f"tour: error: {mistake}")
