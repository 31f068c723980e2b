# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Attention, from one vector to the Transformer
#
# Five models learn the same small corpus while you read. Each adds one idea to the one before:
#
# 1. an encoder-decoder that passes on the source as **one vector** (Sutskever et al. 2014),
# 2. **additive attention**, which looks back at every source position (Bahdanau et al. 2015),
# 3. **dot attention**, which has no parameters (Luong et al. 2015),
# 4. **multi-head attention**, which looks in several ways at once (Vaswani et al. 2017),
# 5. the **Transformer**, in which attention takes the place of recurrence (the same paper).
#
# Each equation is followed by the lines of `src/attn2seq/model/` that compute it, and by the same
# equation written out over the weights that were just learned.
#
# $x_1 \dots x_S$ is the source and $y_1 \dots y_T$ the target, in pieces of words; $h_s$ is the
# encoder's state at source position $s$ and $q_t$ the decoder's at target position $t$. In code a
# tensor's name ends in its shape: `enc_states_BSH` is batch by source positions by units of a
# state.

# %% tags=["parameters"]
TRAIN_PAIRS = 24000  # sentence pairs to learn from
TEST_PAIRS = 300
VOCABULARY = 2000  # pieces
STEPS = 500  # optimizer steps of each training
SENTENCE = "The old woman gives the child a book."  # replace it with one of your own

# %%
from pathlib import Path
from tempfile import TemporaryDirectory

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from ruamel.yaml import YAML

import attn2seq
from attn2seq.batching.batch import make_batch
from attn2seq.evaluation.surface import surface_measures
from attn2seq.model.transformer import sinusoids
from attn2seq.phrasebook.phrasebook import generate_phrasebook

CLONE = next(path for path in [Path.cwd(), *Path.cwd().parents] if (path / "params.yaml").is_file())
SCRATCH = TemporaryDirectory()

pairs = generate_phrasebook(1, {"train": TRAIN_PAIRS, "dev": 200, "test": TEST_PAIRS})
sources, references = (list(side) for side in zip(*pairs["test"], strict=True))
pd.DataFrame(pairs["train"][:5], columns=["source", "target"])

# %% [markdown]
# The settings are those of `params.yaml`, but for a third of the training and the width of a
# Transformer's inner layer. A model differs from the others only in what its call of `train` names.

# %%
PARAMS = YAML(typ="safe").load(CLONE / "params.yaml")
PARAMS["tokenize"] |= {"vocabulary_size": VOCABULARY}
PARAMS["model"] |= {"feed_forward_size": 512}
PARAMS["train"] |= {"max_steps": STEPS, "warmup_steps": 100, "evaluate_every_steps": 100}
PARAMS["decode"] |= {"beam_size": 1, "nbest": 1}

translators, bleu = {}, {}


def train(name, learning_rate=PARAMS["train"]["learning_rate"], **model):
    """A translator trained with these changes of the section `model`; its BLEU goes into `bleu`."""
    params = PARAMS | {
        "model": PARAMS["model"] | model,
        "train": PARAMS["train"] | {"learning_rate": learning_rate},
    }
    translator = attn2seq.train(pairs["train"], pairs["dev"], Path(SCRATCH.name) / name, params)
    found = [translation.text for translation in translator.translate(sources)]
    translators[name] = translator
    bleu[name] = surface_measures(found, [[text] for text in references], "13a", 1000, 1)["bleu"]
    print(f"{name}: BLEU {bleu[name].score():.1f} on {len(sources)} test sentences")
    return translator


def draw(weights, columns, rows, title, axes=None):
    """Weights as shades: each row says where one target piece looked."""
    axes = axes or plt.figure(figsize=(0.35 * len(columns) + 2, 0.25 * len(rows) + 2)).gca()
    axes.imshow(weights, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=90)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_title(title)


def show(translator, title):
    """The translation of SENTENCE, and where each of its pieces looked."""
    [translation] = translator.translate([SENTENCE], attention_maps=1)
    best = translation.hypotheses[0]
    print(best.text)
    draw(best.attn_weights_TS, translation.src_pieces, best.pieces, title)
    plt.show()


# %% [markdown]
# ## 1. The source in one vector
#
# The encoder reads the source. Its last state is all that the decoder gets; it starts there and
# writes piece by piece:
#
# $$q_0 = \tanh(W h_S), \qquad q_t = \mathrm{LSTM}(q_{t-1}, y_{t-1}), \qquad
# p(y_t \mid y_{<t}, x) = \mathrm{softmax}(W_o \tanh(W_r q_t))$$
#
# From `src/attn2seq/model/encoder.py`, where the decoder starts:
#
# ```python
# start: list[Tensor] = [torch.tanh(self.hidden[depth](final[0]))]
# ```
#
# From `src/attn2seq/model/decoder.py`, what the output layer reads; without attention, `read` holds
# the decoder's state alone:
#
# ```python
# joined = torch.cat(read, dim=-1)
# return joined if self.readout is None else torch.tanh(self.readout(joined))
# ```
#
# However long the sentence, its content has to fit into as many numbers as $q_0$ has. (An LSTM
# carries as many again in its memory cell.)

# %%
one_vector = train("one vector", attention="none")
print(one_vector.translate([SENTENCE])[0].text)

# %% [markdown]
# There is no map to draw: the decoder does not look back.
#
# ## 2. Additive attention
#
# Now each step gets a vector of its own, the **context** $c_t$: the mean of all encoder states,
# weighted by how well each fits the decoder's state (Bahdanau et al. 2015, section A.1.2):
#
# $$e_{ts} = v \cdot \tanh(W q_t + U h_s + b), \qquad
# \alpha_{ts} = \frac{\exp e_{ts}}{\sum_{s'} \exp e_{ts'}}, \qquad
# c_t = \sum_s \alpha_{ts} h_s$$
#
# From `src/attn2seq/model/attention.py`, the scores $e_{ts}$; `keys_BSA` is $U h_s + b$, which is
# computed once for each sentence:
#
# ```python
# return torch.tanh(queries_BTA.unsqueeze(2) + keys_BSA.unsqueeze(1)) @ v_A
# ```
#
# From `src/attn2seq/model/attention.py`, the weights $\alpha_{ts}$, which are zero for padding, and
# the contexts:
#
# ```python
# masked = scores_BTS.float().masked_fill(~src_mask_BS.unsqueeze(1), float("-inf"))
# attn_weights_BTS = torch.softmax(masked, dim=-1)
# return attn_weights_BTS.to(enc_states_BSH.dtype) @ enc_states_BSH, attn_weights_BTS
# ```
#
# A row of the map is a target piece $t$, a column a source piece $s$; the darker, the larger
# $\alpha_{ts}$.

# %%
additive = train("additive")
show(additive, "additive attention")

# %% [markdown]
# The same by hand. `read` gives $q_t$ and $h_s$ of the sentence and its translation, and the
# weights that the model itself computes for them.


# %%
@torch.inference_mode()
def read(translator):
    """`queries_TQ`, the encoded source, `attn_weights_TS`, and the target pieces."""
    model, tokenizer = translator.model, translator.tgt_tokenizer
    batch = make_batch(
        translator.src_tokenizer.encode([SENTENCE]),
        tokenizer.encode([translator.translate([SENTENCE])[0].text]),
    )
    encoded = model.encode(batch.src_BS, batch.src_lengths_B)
    start = model.initial_state(encoded).layers[0]
    queries_BTQ, _ = model.decoder.layers[0](model.tgt_embedding(batch.tgt_in_BT), start)
    attn_weights_BTS = model(batch).attn_weights_BTS
    tgt_pieces = tokenizer.pieces(batch.tgt_out_BT[0].tolist())
    return queries_BTQ[0], encoded, attn_weights_BTS[0], tgt_pieces


def compare(by_hand_TS, attn_weights_TS):
    """How far the weights by hand are from the model's."""
    print(f"largest difference: {(by_hand_TS - attn_weights_TS).abs().max():.1e}")


queries_TQ, encoded, attn_weights_TS, _ = read(additive)
enc_states_SH = encoded.enc_states_BSH[0]
attention = additive.model.decoder.attention
W, U, b, v = (
    attention.query.weight, attention.key.weight, attention.key.bias, attention.energy.weight[0]
)  # fmt: skip
with torch.inference_mode():
    e_TS = torch.tensor(
        [[v @ torch.tanh(W @ q + U @ h + b) for h in enc_states_SH] for q in queries_TQ]
    )
    compare(e_TS.exp() / e_TS.exp().sum(dim=1, keepdim=True), attn_weights_TS)

# %% [markdown]
# ## 3. Dot attention
#
# States of the same size can be compared as they are. There is nothing to learn but the states
# (Luong et al. 2015, Eq. 8):
#
# $$e_{ts} = q_t \cdot h_s$$
#
# From `src/attn2seq/model/attention.py`, all pairs of positions at once:
#
# ```python
# return queries_BTQ @ keys_BSA.transpose(1, 2)
# ```

# %%
dot = train("dot", attention="dot")
show(dot, "dot attention")

# %%
queries_TQ, encoded, attn_weights_TS, _ = read(dot)
compare(torch.softmax(queries_TQ @ encoded.enc_states_BSH[0].T, dim=1), attn_weights_TS)

# %% [markdown]
# ## 4. Multi-head attention
#
# One softmax has one favourite. Several heads $n$, each with projections to $d$ units of its own,
# can look at several positions at once (Vaswani et al. 2017, section 3.2). A sum of $d$ products
# grows with $d$, and a softmax of large scores has hardly a gradient: hence the division by $\sqrt
# d$.
#
# $$e^n_{ts} = \frac{(W^n q_t) \cdot (U^n h_s)}{\sqrt d}, \qquad
# c^n_t = \sum_s \alpha^n_{ts} V^n h_s, \qquad c_t = W_c \, [c^1_t; \dots; c^N_t]$$
#
# From `src/attn2seq/model/attention.py`; `_split` gives each head its units:
#
# ```python
# scores_nTS = queries_nTD @ self._split(keys).transpose(1, 2)
# scale = queries_nTD.shape[-1] ** -0.5
# context_nTD, weights_nTS = attend(scores_nTS * scale, self._split(values), head_mask_nS)
# context_BTH: Tensor = self.joined(context_BTA)
# ```
#
# The model reports the mean of the heads.

# %%
multi_head = train("multi-head", attention="multi_head")
show(multi_head, "multi-head attention, mean of the heads")

# %% [markdown]
# By hand, and each head by itself:


# %%
@torch.inference_mode()
def weights_by_head(attention, queries_TQ, keys_SA):
    """The weights of each head, `alpha_NTS`; `keys_SA` are keys and values side by side."""
    q_TA, k_SA = attention.query(queries_TQ), keys_SA.chunk(2, dim=-1)[0]
    q_NTD, k_NSD = (x.unflatten(-1, (attention.heads, -1)).transpose(0, 1) for x in (q_TA, k_SA))
    return torch.softmax(q_NTD @ k_NSD.transpose(1, 2) / q_NTD.shape[-1] ** 0.5, dim=-1)


def draw_heads(alpha_NTS, columns, rows):
    """A map for each head."""
    _, axes = plt.subplots(
        2, 2, figsize=(0.5 * len(columns) + 3, 0.4 * len(rows) + 4), layout="constrained"
    )
    for head, (alpha_TS, place) in enumerate(zip(alpha_NTS, axes.flat, strict=True), start=1):
        draw(alpha_TS, columns, rows, f"head {head}", place)
    plt.show()


queries_TQ, encoded, attn_weights_TS, tgt_pieces = read(multi_head)
src_pieces = multi_head.translate([SENTENCE])[0].src_pieces
alpha_NTS = weights_by_head(multi_head.model.decoder.attention, queries_TQ, encoded.keys_BSA[0])
compare(alpha_NTS.mean(dim=0), attn_weights_TS)
draw_heads(alpha_NTS, src_pieces, tgt_pieces)

# %% [markdown]
# ## 5. The Transformer
#
# Attention can also be between positions of the *same* sentence. In a Transformer, queries, keys
# and values of this **self-attention** come from the layer below, and no state waits for the one
# before it, so that all positions are computed at once. A feed-forward network follows; each of the
# two adds what it found to what it read, here after layer normalisation:
#
# $$z_s = x_s + \mathrm{MultiHead}(\mathrm{norm}(x))_s, \qquad
# x'_s = z_s + W_2 \max(0, W_1 \, \mathrm{norm}(z_s) + b_1) + b_2$$
#
# From `src/attn2seq/model/transformer.py`, an encoder layer:
#
# ```python
# read = self.before(0, x_BSW)
# return self.feed_forward(1, self.after(0, x_BSW, found))
# ```
#
# Without recurrence nothing would tell the first position from the last: a code is added to each
# embedding (section 3.5). From `src/attn2seq/model/transformer.py`:
#
# ```python
# angles = torch.arange(positions, dtype=torch.float64)[:, None] / 10000**units
# return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1).to(device, dtype)
# ```

# %%
plt.imshow(sinusoids(40, 64, torch.float32, torch.device("cpu")), cmap="RdBu", aspect="auto")
plt.xlabel("unit")
plt.ylabel("position")
plt.title("position codes")
plt.show()

# %%
transformer = train(
    "Transformer", learning_rate=0.001, encoder="transformer", decoder="transformer",
    attention="multi_head", encoder_layers=2, decoder_layers=2, encoder_hidden_size=256,
    readout_size=0,
)  # fmt: skip
show(transformer, "Transformer, last layer, mean of the heads")

# %% [markdown]
# Which source positions each source position looks at, in the last encoder layer:

# %%
model = transformer.model
with torch.inference_mode():
    src_BS = make_batch(transformer.src_tokenizer.encode([SENTENCE]), [[]]).src_BS
    x_BSW = model.encoder.place(model.src_embedding(src_BS))
    for layer in model.encoder.layers:
        read_BSW = layer.before(0, x_BSW)
        keys_BSA = layer.self_attention.keys(read_BSW)
        alpha_NSS = weights_by_head(layer.self_attention, read_BSW[0], keys_BSA[0])
        x_BSW = layer(x_BSW, src_BS > 0)
src_pieces = transformer.translate([SENTENCE])[0].src_pieces
draw_heads(alpha_NSS, src_pieces, src_pieces)

# %% [markdown]
# ## All five
#
# BLEU of all test sentences, and of the shorter and the longer half of them.

# %%
words = np.array([len(text.split()) for text in sources])
longer = words > np.median(words)
pd.DataFrame(
    {
        "parameters": {
            name: sum(weight.numel() for weight in translator.model.parameters())
            for name, translator in translators.items()
        },
        "BLEU": {name: each.score() for name, each in bleu.items()},
        f"up to {np.median(words):.0f} words": {n: each.score(~longer) for n, each in bleu.items()},
        "longer": {name: each.score(longer) for name, each in bleu.items()},
    }
).round(1)

# %% [markdown]
# ## Questions
#
# 1. Which model loses most from the shorter to the longer half, and why that one? Does reading the
#    source backwards help it (`reverse_source=True`), as Sutskever et al. found?
# 2. German puts verbs last. Choose a `SENTENCE` with "because" or "would like to": where do the
#    maps leave the diagonal?
# 3. Where does the end of the sentence, `</s>`, look, and where do articles look? Is a map an
#    explanation of what the model did? (Jain and Wallace 2019 and Wiegreffe and Pinter 2019
#    disagree.)
# 4. Leave out the division by $\sqrt d$ in `weights_by_head`. What becomes of the maps, and what
#    would become of the gradients?
# 5. In `attend`, padding is masked before the softmax. What would go wrong if the weights were set
#    to zero after it?
# 6. Take away the position codes: in `TransformerEncoder.place`, return the embeddings alone. Which
#    sentences would then be the same to the encoder?
# 7. The Transformer has the most parameters here and is not the best after so few steps. Give all
#    models four times the `STEPS`. Who gains most?
#
# Next: `python docs/tour.py` follows one sentence through the beam search, and [the
# design](../design.md) tells how the files fit together.
