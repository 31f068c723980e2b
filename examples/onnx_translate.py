"""Translate standard input, line by line, with a model that `attn2seq export` wrote.

    python onnx_translate.py FOLDER [--beam-size N] < texts.txt

Needs onnxruntime, numpy and sentencepiece, and neither torch nor attn2seq. The texts are those of
attn2seq, but where two hypotheses score equal up to rounding. Greedy search is a beam of 1.

Shapes: K hypotheses of a beam, V target vocabulary.
"""

import argparse
import json
import re
import sys
import unicodedata
from pathlib import Path

import numpy as np
import onnxruntime
import sentencepiece

# What nobody sees: control characters, soft hyphens, spaces of no width, marks of direction.
INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb]"
)


class OnnxTranslator:
    """The graphs and vocabularies of one folder."""

    def __init__(self, folder: Path, beam_size: int | None = None, threads: int = 0) -> None:
        self.facts = json.loads((folder / "export.json").read_text(encoding="utf-8"))
        self.decode, self.ids = self.facts["decode"], self.facts["ids"]
        plain = {"search": "beam", "mbr": "none", "coverage_penalty": 0, "no_repeat_ngram_size": 0}
        for name, supported in plain.items():
            if self.decode[name] != supported:
                raise SystemExit(f"decode.{name} is {self.decode[name]}, which is not shown here")
        self.beam_size = beam_size or self.decode["beam_size"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.encoder, self.step = (
            onnxruntime.InferenceSession(folder / self.facts[part]["file"], options)
            for part in ("encoder", "decoder_step")
        )
        self.src, self.tgt = (
            sentencepiece.SentencePieceProcessor(model_file=str(folder / name))
            for name in ("src.model", "tgt.model")
        )

    def translate(self, text: str) -> str:
        """The best hypothesis; of a blank text the empty one."""
        pieces = self.src.encode(self.normalised(text))[: self.decode["max_source_length"]]
        return self.text_of(self.search(pieces)) if pieces else ""

    def normalised(self, text: str) -> str:
        """In the form of the texts that the model was trained with."""
        form = self.facts["unicode_form"]
        unicode_form = form.removesuffix("_lower").upper()
        if unicode_form != "NONE":
            text = unicodedata.normalize(unicode_form, text)
            if form.endswith("_lower"):
                text = unicodedata.normalize(unicode_form, text.lower())
        return " ".join(INVISIBLE.sub("", text).split())

    def text_of(self, tokens: list[int]) -> str:
        """The text of a hypothesis."""
        silent = (self.ids["pad"], self.ids["bos"], self.ids["eos"])
        return " ".join(self.tgt.decode([t for t in tokens if t not in silent]).split("\n"))

    def search(self, pieces: list[int]) -> list[int]:
        """The tokens of the best hypothesis (Wu et al. 2016), without the end of sentence."""
        decode, ids, beam = self.decode, self.ids, self.beam_size
        src_ids = np.array([[*pieces, ids["eos"]]])
        encoded = self.run(self.encoder, {"src_ids": src_ids, "src_lengths": [src_ids.shape[1]]})
        # The hypotheses share their source; each has a state of its own.
        source = {**encoded, "src_ids": src_ids}
        state = {name: self.start(name, source) for name in self.facts["states"]}
        tokens = np.full(beam, ids["bos"])
        scores = np.full(beam, -np.inf, np.float32)
        scores[0] = 0  # one empty hypothesis; the other places are free
        histories: list[list[int]] = [[] for _ in range(beam)]
        best, best_score, ended = [], -np.inf, 0
        longest = int(len(pieces) * decode["max_length_factor"]) + decode["max_length_offset"]
        longest = max(longest, decode["min_length"]) + 1
        for length in range(1, longest + 1):
            found = self.run(self.step, {"tokens": tokens, **source, **state})
            log_probs = found["log_probs"]
            log_probs[:, [ids["pad"], ids["bos"], ids["unk"]]] = -np.inf
            ends = scores + (log_probs[:, ids["eos"]] if length > decode["min_length"] else -np.inf)
            log_probs[:, ids["eos"]] = -np.inf
            sums = (scores[:, None] + log_probs).ravel()
            places = np.argpartition(-sums, beam - 1)[:beam]
            places = places[np.lexsort((places, -sums[places]))]
            # What ends must be among the best of all continuations; at the limit, anything may.
            least = np.sort(np.concatenate([ends, sums[places]]))[-beam]
            for row in np.flatnonzero(np.isfinite(ends) & ((ends >= least) | (length == longest))):
                ended += 1
                if ends[row] / self.penalty(length) > best_score:
                    best, best_score = histories[row], ends[row] / self.penalty(length)
            scores, (rows, tokens) = sums[places], np.divmod(places, log_probs.shape[1])
            hopeless = scores[0] / self.penalty(longest) <= best_score
            if hopeless or (ended >= beam and scores[0] / self.penalty(length) <= best_score):
                break
            histories = [[*histories[row], int(t)] for row, t in zip(rows, tokens, strict=True)]
            state = {name: found[f"next_{name}"][rows] for name in state}
        return best

    def start(self, name: str, source: dict[str, np.ndarray]) -> np.ndarray:
        """A state before the first token: an output of the encoder, or zeros."""
        start, sizes = self.facts["states"][name]["start"], {"target": 0}
        if start:
            return np.repeat(source[start], self.beam_size, 0)
        sizes["rows"], sizes["source"] = self.beam_size, source["src_ids"].shape[1]
        shape = self.facts["decoder_step"]["inputs"][name]["shape"]
        return np.zeros([sizes.get(size, size) for size in shape], np.float32)

    def run(self, graph: onnxruntime.InferenceSession, given: dict) -> dict[str, np.ndarray]:
        """The graph's outputs by name; it takes what it reads of `given`."""
        inputs = {entry.name: np.asarray(given[entry.name]) for entry in graph.get_inputs()}
        names = [entry.name for entry in graph.get_outputs()]
        return dict(zip(names, graph.run(names, inputs), strict=True))

    def penalty(self, tokens: int) -> np.float32:
        """What the log-probability of so many tokens is divided by."""
        wu = ((5 + tokens) / 6) ** self.decode["length_alpha"]
        kinds = {"none": 1, "average": tokens, "wu": wu}
        return np.float32(kinds[self.decode["length_normalisation"]])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Translate standard input, line by line.")
    parser.add_argument("folder", type=Path, help="what `attn2seq export` wrote")
    parser.add_argument("--beam-size", type=int, metavar="N", help="1 is greedy search")
    given = parser.parse_args()
    translator = OnnxTranslator(given.folder, given.beam_size)
    for line in sys.stdin.buffer:
        print(translator.translate(line.decode("utf-8")), flush=True)
