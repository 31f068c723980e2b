"""The recipes of the family's classics, and what makes each of them what it is."""

from typing import Any

NO_ATTENTION = {"attention": "none", "bidirectional": "none", "tie_embeddings": "none"}
LUONG = {"cell": "lstm", "context_into": "output", "bridge": "last", "bidirectional": "none"}

# Values of the section model, and of train and decode where they belong to the system.
CLASSICS: dict[str, dict[str, Any]] = {
    "sutskever-2014": NO_ATTENTION
    | {
        "cell": "lstm", "reverse_source": True, "encoder_layers": 4, "decoder_layers": 4,
        "bridge": "last", "readout_size": 0,
    },
    "cho-2014": NO_ATTENTION
    | {"cell": "gru", "encoder_layers": 1, "decoder_layers": 1, "bridge": "learnt"},
    "bahdanau-2015": {
        "cell": "gru", "attention": "additive", "context_into": "first_layer",
        "bidirectional": "all", "bridge": "learnt",
    },
    "luong-2015-dot": LUONG | {"attention": "dot", "input_feeding": False},
    "luong-2015-general": LUONG | {"attention": "general", "input_feeding": False},
    "luong-2015-concat": LUONG | {"attention": "additive", "input_feeding": False},
    "luong-2015-location": LUONG | {"attention": "location", "input_feeding": False},
    "luong-2015-input-feeding": LUONG | {"attention": "general", "input_feeding": True},
    "gnmt-v2": {
        "attention": "normalised_additive", "context_into": "all_layers", "residual": True,
        "bidirectional": "first", "encoder_layers": 4, "decoder_layers": 4,
        "coverage_penalty": 0.1,
    },
    "vaswani-2017": {
        "encoder": "transformer", "decoder": "transformer", "layer_normalisation": "post",
        "decoder_mixing": "self_attention", "tie_embeddings": "all", "schedule": "inverse_sqrt",
        "average_of": "last", "readout_size": 0,
    },
    "chen-2018": {
        "encoder": "transformer", "decoder": "recurrent", "cell": "layer_norm_lstm",
        "attention": "multi_head", "context_into": "all_layers", "residual": True,
    },
    "pointer-generator": {
        "cell": "lstm", "bidirectional": "all", "copying": True, "coverage": True,
        "attention": "additive",
    },
    "s0-keras-dot": {
        "cell": "lstm", "bidirectional": "none", "bridge": "last", "attention": "dot",
        "context_into": "output", "input_feeding": False, "decoder_hidden_size": 128,
        "weight_decay": 1e-6,
        "optimizer": "rmsprop", "batch_sentences": 64, "max_epochs": 100, "beam_size": 1,
        "too_long": "truncate", "model_type": "word", "dev_share": 0.2,
    },
    "s1-subwords": NO_ATTENTION
    | {
        "cell": "lstm", "tgt_vocabulary_size": 10000, "embedding_size": 256,
        "decoder_hidden_size": 128, "bridge": "last", "max_tokens": 20, "clip_norm": 1.0,
    },
    "s1-characters": NO_ATTENTION
    | {
        "cell": "gru", "model_type": "char", "embedding_size": 256, "decoder_hidden_size": 128,
        "bridge": "last", "clip_norm": 1.0,
    },
    "s2-alignment": {
        "attention": "additive", "context_into": "first_layer", "cell": "lstm",
        "bidirectional": "all",
    },
    "s3-characters": NO_ATTENTION
    | {
        "cell": "lstm", "model_type": "char", "optimizer": "rmsprop", "bridge": "last",
        "readout_size": 0, "dev_share": 0.2, "batch_sentences": 64, "max_epochs": 100,
    },
    "s4-location": {
        "cell": "lstm", "bidirectional": "none", "bridge": "last", "attention": "location",
        "readout_from": "context", "readout_size": 0,
    },
}  # fmt: skip
