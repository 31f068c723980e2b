# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Two runs compared
#
# Is one system better than another, or was it luck? Two small models are trained here that differ
# in one setting; then their curves, their scores with significance tests, and the sentences of
# which they make different texts. In a workspace `attn2seq compare` does the same for any two runs:
# [Comparing runs](../how_to/compare.md).

# %% tags=["parameters"]
TRAIN_PAIRS = 24000  # sentence pairs to learn from
TEST_PAIRS = 1000
VOCABULARY = 2000  # pieces
STEPS = 500  # optimizer steps of each training
# The settings of the section model that each changes.
CHANGES = {"additive": {"attention": "additive"}, "dot": {"attention": "dot"}}

# %%
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from ruamel.yaml import YAML

import attn2seq
from attn2seq.evaluation.measures import mean_measure
from attn2seq.evaluation.significance import bootstrap_p, randomisation_p
from attn2seq.evaluation.surface import sentence_scores, surface_measures
from attn2seq.phrasebook.phrasebook import generate_phrasebook

CLONE = next(path for path in [Path.cwd(), *Path.cwd().parents] if (path / "params.yaml").is_file())
SCRATCH = TemporaryDirectory()
SAMPLES, SEED = 1000, 12345  # resampled test sets, and the seed of the resampling

pairs = generate_phrasebook(1, {"train": TRAIN_PAIRS, "dev": 200, "test": TEST_PAIRS})
sources, references = (list(side) for side in zip(*pairs["test"], strict=True))

# %% [markdown]
# ## The two trainings

# %%
PARAMS = YAML(typ="safe").load(CLONE / "params.yaml")
PARAMS["tokenize"] |= {"vocabulary_size": VOCABULARY}
PARAMS["train"] |= {"max_steps": STEPS, "warmup_steps": 100, "evaluate_every_steps": 50}
PARAMS["decode"] |= {"beam_size": 1, "nbest": 1}

curves, texts = {}, {}
for name, change in CHANGES.items():
    folder = Path(SCRATCH.name) / name
    params = PARAMS | {"model": PARAMS["model"] | change}
    translator = attn2seq.train(pairs["train"], pairs["dev"], folder, params)
    curves[name] = pd.read_csv(f"{folder}.training/history.csv", index_col="step")
    texts[name] = [translation.text for translation in translator.translate(sources)]

# %% [markdown]
# ## Curves
#
# `history.csv` has a row for every few steps, and the columns that begin with `dev` wherever the
# model was evaluated on dev.

# %%
dev_loss = pd.DataFrame({name: curve["dev_loss"] for name, curve in curves.items()}).dropna()
dev_loss.plot(ylabel="dev loss, nats per token", logy=True)
plt.show()

# %%
pd.DataFrame({name: curve.dropna(subset="dev_loss").iloc[-1] for name, curve in curves.items()}).T

# %% [markdown]
# ## Scores
#
# A `Measure` holds the sums of each sentence that a score is computed from, so that any set of
# sentences has its score: the whole, a resampled one, or those of which both systems make the same.
#
# The interval says how the score varies from one test set to another. It is no test of a
# difference: both systems find the same sentences hard. **Paired** tests draw the same sentences
# for both (bootstrap; Koehn 2004), or exchange the two systems' texts by a coin for each sentence
# (approximate randomisation; Riezler and Maxwell 2005). *p* is the probability of a difference at
# least as large if there were none.


# %%
def measures(found):
    """BLEU, chrF and TER of the texts, and the share that equals the reference."""
    scored = surface_measures(found, [[text] for text in references], "13a", SAMPLES, SEED)
    equal = np.array([float(text == other) for text, other in zip(found, references, strict=True)])
    return scored | {"exact_match": mean_measure(equal, "equal")}


first, second = CHANGES
ours, baseline = measures(texts[second]), measures(texts[first])
rows = {}
for metric in ours:
    rows[metric] = {
        first: baseline[metric].score(),
        f"{first}, 95%": "{:.1f} to {:.1f}".format(*baseline[metric].interval(SAMPLES, SEED)),
        second: ours[metric].score(),
        f"{second}, 95%": "{:.1f} to {:.1f}".format(*ours[metric].interval(SAMPLES, SEED)),
        "p bootstrap": bootstrap_p(baseline[metric], ours[metric], SAMPLES, SEED),
        "p randomisation": randomisation_p(baseline[metric], ours[metric], SAMPLES, SEED),
    }
pd.DataFrame(rows).T

# %% [markdown]
# A small *p* says that the difference would probably be found on other sentences of this kind. It
# does not say that it would be found with other random starts: for that, train each model with
# several values of `train.seed`. And of twenty metrics one will be below 0.05 by chance.
#
# ## The sentences that differ
#
# Those first in which chrF differs most.

# %%
sentences = pd.DataFrame(
    {
        "source": sources, "reference": references, first: texts[first], second: texts[second],
        "gain": sentence_scores(ours["chrf"]) - sentence_scores(baseline["chrf"]),
    }
)  # fmt: skip
differing = sentences[sentences[first] != sentences[second]]
print(f"{len(differing)} of {len(sentences)} sentences differ; {second} is better in "
      f"{(differing.gain > 0).sum()} of them, {first} in {(differing.gain < 0).sum()}")  # fmt: skip
differing.sort_values("gain", key=abs, ascending=False).head(10).round(1)

# %% [markdown]
# ## Does the length matter?

# %%
words = np.array([len(text.split()) for text in sources])
longer = words > np.median(words)
pd.DataFrame(
    {
        name: {"shorter half": measure.score(~longer), "longer half": measure.score(longer)}
        for name, measure in ((first, baseline["bleu"]), (second, ours["bleu"]))
    }
).round(1)

# %% [markdown]
# ## Questions
#
# 1. Change `CHANGES` so that both models have the same settings. Is the table of scores what you
#    expect? Then let only `train.seed` differ: how large a difference does the seed alone make?
# 2. Take the first 100 sentences of test. Which differences are still significant?
# 3. Which of the metrics disagree, and in which of the sentences above do you see why?
