"""Models and sources whose decoder steps are recorded: shapes that differ in what a state holds."""

SOURCES = [[5, 6, 7, 8] * 5, [9], [4, 10], [11, 5, 6], [7] * 9, [8, 9, 10]]
VARIANTS: list[dict[str, object]] = [
    {},
    {"attention": "none"},
    {"attention": "location", "cell": "gru"},
    {"attention": "multi_head", "input_feeding": True, "decoder_layers": 2},
    {"copying": True, "coverage": True},
    {"context_into": "first_layer", "variational_dropout": True},
    {"attention": "normalised_additive", "context_into": "all_layers", "decoder_layers": 2},
    # Its state does not grow, unlike that of other Transformers.
    {"decoder": "transformer", "decoder_mixing": "recurrent", "attention": "multi_head",
     "embedding_size": 16, "readout_size": 0},
]  # fmt: skip
