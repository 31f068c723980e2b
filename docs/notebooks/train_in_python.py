# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Training from Python
#
# A model from pairs of texts in Python: no workspace, no DVC, no MLflow. `attn2seq.train` does what
# the stages `tokenize`, `train` and `package` do, by the same code. `pip install .` in the clone
# installs all that this needs. Every function and option: [the reference](../reference/python.md).

# %% tags=["parameters"]
TRAIN_PAIRS = 24000  # sentence pairs to learn from
TUNING_PAIRS = 500  # to fine-tune with
VOCABULARY = 2000  # pieces
STEPS = 500  # optimizer steps

# %%
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import pandas as pd
from ruamel.yaml import YAML

import attn2seq
from attn2seq.evaluation.surface import surface_measures
from attn2seq.phrasebook.phrasebook import generate_phrasebook

CLONE = next(path for path in [Path.cwd(), *Path.cwd().parents] if (path / "params.yaml").is_file())
SCRATCH = TemporaryDirectory()
FOLDER = Path(SCRATCH.name)

# %% [markdown]
# ## Pairs and settings
#
# Pairs are tuples of two strings, wherever they are from: a file, a database, a generator. Here
# they are from the embedded corpus, English and German. `dev` is for choosing the best weights, so
# it must not be what you test on.

# %%
pairs = generate_phrasebook(1, {"train": TRAIN_PAIRS, "dev": 200, "test": 300})
pairs["train"][:3]

# %% [markdown]
# Settings are a dictionary with the sections of `params.yaml`, or the path of such a file. Take the
# clone's and change what differs; there are no defaults anywhere else. Of `download`, `evaluate`,
# `report` and `track`, which belong to the pipeline, nothing is used.

# %%
params = YAML(typ="safe").load(CLONE / "params.yaml")
params["tokenize"] |= {"vocabulary_size": VOCABULARY}
params["train"] |= {"max_steps": STEPS, "warmup_steps": 100, "evaluate_every_steps": 100}

# %% [markdown]
# An error in them stops the call before any work, and names the key:

# %%
try:
    wrong = params | {"train": params["train"] | {"lerning_rate": 0.001}}
    attn2seq.train(pairs["train"], pairs["dev"], FOLDER / "model", wrong)
except attn2seq.UserError as error:
    print(error)

# %% [markdown]
# ## Training
#
# `say` is told of the progress. If you interrupt the cell and run it again, training resumes from
# the last evaluation on dev, and the result is bit-identical to that of a training that was never
# interrupted.

# %%
translator = attn2seq.train(
    pairs["train"], pairs["dev"], FOLDER / "model", params,
    name="phrases", src_lang="en", tgt_lang="de", say=print,
)  # fmt: skip

# %% [markdown]
# The curve is beside the model, in `model.training/history.csv`.

# %%
curve = pd.read_csv(FOLDER / "model.training/history.csv", index_col="step")
curve["dev_perplexity"].dropna().plot(ylabel="dev perplexity", logy=True)
plt.show()

# %% [markdown]
# ## Translating
#
# A list of texts in, a list of translations out, in their order.

# %%
texts = [source for source, _ in pairs["test"][:5]]
for translation in translator.translate(texts):
    print(translation.text)

# %% [markdown]
# An n-best list of one text. The score is what the search ranks by: the log-probability in nats,
# divided by a penalty that grows with the length.

# %%
[translation] = translator.translate(texts[:1], beam_size=10, nbest=5)
pd.DataFrame(
    [(one.score, one.log_prob, one.tokens, one.text) for one in translation.hypotheses],
    columns=["score", "log_prob", "tokens", "text"],
)

# %% [markdown]
# Instead of searching for the most probable text, the model can draw from its distribution; and a
# text can be made to begin as you say.

# %%
[drawn] = translator.translate(texts[:1], search="sampling", temperature=0.8, nbest=3)
print(*(one.text for one in drawn.hypotheses), sep="\n")
[begun] = translator.translate(texts[:1], prefix="Die")
print(begun.text)

# %% [markdown]
# Where each target piece looked:

# %%
[translation] = translator.translate(texts[:1], attention_maps=1)
best = translation.hypotheses[0]
plt.imshow(best.attn_weights_TS, cmap="Blues", vmin=0, vmax=1)
plt.xticks(range(len(translation.src_pieces)), translation.src_pieces, rotation=90)
plt.yticks(range(len(best.pieces)), best.pieces)
plt.show()

# %% [markdown]
# ## Scores
#
# `score` is the log-probability, in nats, that the model gives a translation that you have. BLEU
# and chrF compare the model's own translations with references.

# %%
sources, references = (list(side) for side in zip(*pairs["test"], strict=True))
print("log-probabilities of five references:", translator.score(sources[:5], references[:5]))


def scores(translator, references):
    """BLEU, chrF and TER on test."""
    found = [translation.text for translation in translator.translate(sources)]
    measures = surface_measures(found, [[text] for text in references], "13a", 1000, 1)
    return {name: round(measure.score(), 1) for name, measure in measures.items()}


scores(translator, references)

# %% [markdown]
# ## Saving and loading
#
# There is nothing to save: the folder holds the weights, the vocabularies and how texts are
# normalised and searched. Copy it anywhere.

# %%
shutil.copytree(FOLDER / "model", FOLDER / "elsewhere/phrases")
loaded = attn2seq.load(FOLDER / "elsewhere/phrases", beam_size=1)
print(*sorted(path.name for path in (FOLDER / "elsewhere/phrases").iterdir()))
loaded.translate(texts[:1])[0].text

# %% [markdown]
# ## Fine-tuning
#
# `start_from` names a trained model whose weights and vocabularies training starts with. Here the
# model learns Swiss spelling, which has no "ß", from a few pairs: a lower learning rate, a short
# training.

# %%
swiss = {
    split: [(source, target.replace("ß", "ss")) for source, target in part]
    for split, part in pairs.items()
}
tuning = params | {
    "train": params["train"]
    | {"learning_rate": 0.001, "warmup_steps": 10, "evaluate_every_steps": 10}
}
tuned = attn2seq.train(
    swiss["train"][:TUNING_PAIRS], swiss["dev"], FOLDER / "swiss", tuning,
    start_from=FOLDER / "model", src_lang="en", tgt_lang="de-CH",
)  # fmt: skip

# %%
swiss_references = [target for _, target in swiss["test"]]
rows = {}
for name, each in (("before", translator), ("after", tuned)):
    found = [translation.text for translation in each.translate(sources)]
    rows[name] = {"texts with ß": sum("ß" in text for text in found)}
    rows[name] |= scores(each, swiss_references)
pd.DataFrame(rows).T

# %% [markdown]
# From here: [two runs compared](compare_runs.py), [attention explained](attention.py), and for
# results that must be repeatable and tracked, [the pipeline](../tutorial.md).
