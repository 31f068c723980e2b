"""What the network looks like."""

from typing import Literal

from pydantic import Field, model_validator

from attn2seq.config import Settings


class ModelSettings(Settings):
    """The architecture; a checkpoint carries it, so that decoding never reads it elsewhere."""

    encoder: Literal["recurrent", "transformer"]
    decoder: Literal["recurrent", "transformer"]
    # a Transformer: Vaswani et al. 2017
    cell: Literal["lstm", "gru", "rnn", "rnn_relu", "layer_norm_lstm", "lrn"]
    # the recurrent cell of every layer; rnn is the plain tanh network
    embedding_size: int = Field(gt=0)
    # units of a token's embedding, both sides
    encoder_layers: int = Field(gt=0)
    # recurrent layers
    encoder_hidden_size: int = Field(gt=0)
    # units of an encoder layer, in each direction
    bidirectional: Literal["none", "first", "all"]
    # which encoder layers also read from right to left
    reverse_source: bool
    # whether the source is read backwards (Sutskever et al. 2014)
    decoder_layers: int = Field(gt=0)
    # recurrent layers
    decoder_hidden_size: int = Field(gt=0)
    # units of a decoder layer
    bridge: Literal["zero", "last", "learnt"]
    # what the decoder starts from: zeros, the encoder's last states, a learnt layer over them
    attention: Literal[
        "none",
        "dot",
        "general",
        "additive",
        "normalised_additive",
        "location_aware",
        "location",
        "multi_head",
    ]
    # how a source position is scored against the decoder's state
    attention_size: int = Field(gt=0)
    # units of the additive scores' hidden layer, and of all heads together
    attention_heads: int = Field(gt=0)
    # heads of multi_head, and of a Transformer's self-attention
    location_positions: int = Field(gt=0)
    # source positions that location attention has weights for; it sees none beyond
    coverage: bool
    # whether additive attention also reads how much it has looked at a position (See et al. 2017)
    copying: bool
    # whether the next token may be taken from the source (See et al. 2017)
    context_into: Literal["output", "first_layer", "all_layers"]
    # where the context goes: the readout alone (Luong), the recurrence (Bahdanau), the layers
    # above the first (GNMT)
    input_feeding: bool
    # whether a step also reads the readout of the step before (Luong et al. 2015, section 3.3)
    readout_from: Literal["both", "state", "context"]
    # what the readout reads: the decoder's state, the context, both (without attention: the state)
    readout_size: int = Field(ge=0)
    # units of the tanh layer between the decoder and the output vocabulary; 0: no such layer
    residual: bool
    # whether layers from the second on add their input, as it is before dropout, to their output,
    # where sizes agree
    feed_forward_size: int = Field(gt=0)
    # Transformer layers: units of the feed-forward networks' inner layer
    layer_normalisation: Literal["pre", "post"]
    # Transformer layers: before each sublayer, or after it as in 2017
    decoder_mixing: Literal["self_attention", "recurrent"]
    # Transformer decoders: how a position reads those before it; recurrent: by `cell`
    embedding_dropout: float = Field(ge=0, lt=1)
    # share of units set to zero: of embeddings
    layer_dropout: float = Field(ge=0, lt=1)
    # ... between layers
    readout_dropout: float = Field(ge=0, lt=1)
    # ... of the readout
    variational_dropout: bool
    # whether the same units are zero at all positions of a sentence (Gal and Ghahramani 2016)
    tie_embeddings: Literal["none", "target", "all"]
    # target: output layer = target embeddings; all: source embeddings too (joint vocabulary)
    freeze_embeddings: bool
    # whether embeddings that start from pretrained vectors stay as they start

    @property
    def enc_sizes(self) -> list[int]:
        """Units of each encoder layer's state, both directions together."""
        if self.encoder == "transformer":
            return [self.encoder_hidden_size] * self.encoder_layers
        both = {"none": 0, "first": 1, "all": self.encoder_layers}[self.bidirectional]
        return [
            self.encoder_hidden_size * (2 if depth < both else 1)
            for depth in range(self.encoder_layers)
        ]

    @property
    def enc_size(self) -> int:
        """Units of an encoder state."""
        return self.enc_sizes[-1]

    @property
    def state_parts(self) -> int:
        """Tensors in a recurrent layer's state: with a memory c two, else one."""
        return 2 if self.cell in ("lstm", "layer_norm_lstm") else 1

    @property
    def grows(self) -> bool:
        """Whether the decoder's state has a part for each target position so far."""
        return self.decoder == "transformer" and self.decoder_mixing == "self_attention"

    @property
    def remembers(self) -> bool:
        """Whether attention reads where it was before."""
        return self.coverage or self.attention == "location_aware"

    @property
    def step_by_step(self) -> bool:
        """Whether a target position needs what the one before it found by attention."""
        return self.input_feeding or self.remembers or self.context_into == "first_layer"

    @model_validator(mode="after")
    def _combinations(self) -> "ModelSettings":
        for fault in (
            self._transformer_fault(),
            self._attention_fault(),
            self._context_fault(),
            self._bridge_fault(),
            self._embedding_fault(),
        ):
            if fault is not None:
                raise ValueError(fault)
        return self

    def _transformer_fault(self) -> str | None:
        for part in ("encoder", "decoder"):
            if getattr(self, part) != "transformer":
                continue
            width = getattr(self, f"{part}_hidden_size")
            if width != self.embedding_size:
                return (
                    f"a Transformer {part} adds to embeddings what its layers find, so that they "
                    f"have one width, but model.embedding_size is {self.embedding_size} and "
                    f"model.{part}_hidden_size {width}: make them equal"
                )
            if width % (2 * self.attention_heads):
                return (
                    f"model.attention_heads ({self.attention_heads}) must divide the "
                    f"{width} units of the Transformer {part} into heads of an even size: change "
                    f"one of them"
                )
        if self.decoder == "recurrent":
            return None
        for name, found, wanted in (
            ("attention", self.attention, "multi_head"),
            ("context_into", self.context_into, "output"),
            ("input_feeding", self.input_feeding, False),
            ("readout_size", self.readout_size, 0),
        ):
            if found != wanted:
                shown, needed = (str(value).lower() for value in (found, wanted))
                return (
                    f"a Transformer decoder has one form, and model.{name} {shown} is none of it: "
                    f"set model.{name} to {needed}, or model.decoder to recurrent"
                )
        return None

    def _attention_fault(self) -> str | None:
        if self.attention == "dot" and self.enc_size != self.decoder_hidden_size:
            return (
                f"attention dot needs encoder states as wide as the decoder's, but they have "
                f"{self.enc_size} and {self.decoder_hidden_size} units: change "
                f"model.decoder_hidden_size to {self.enc_size}, or use attention general"
            )
        recurrent = self.decoder == "recurrent"  # a Transformer's heads share its own width
        if (
            recurrent
            and self.attention == "multi_head"
            and self.attention_size % self.attention_heads
        ):
            return (
                f"model.attention_heads ({self.attention_heads}) must divide "
                f"model.attention_size ({self.attention_size})"
            )
        if self.reverse_source and self.attention != "none":
            return (
                "reverse_source brings the starts of source and target together, as attention "
                "already does: set model.reverse_source to false, or model.attention to none"
            )
        if self.coverage and self.attention not in ("additive", "normalised_additive"):
            return (
                f"coverage is part of additive scores, but attention is {self.attention}: "
                "set model.attention to additive, or model.coverage to false"
            )
        return None

    def _context_fault(self) -> str | None:
        if self.attention == "none":
            wants = [
                name
                for name, wanted in (
                    ("input_feeding", self.input_feeding),
                    ("copying", self.copying),
                    ("context_into", self.context_into != "output"),
                    ("readout_from", self.readout_from == "context"),
                )
                if wanted
            ]
            return (
                f"attention none gives no context for model.{wants[0]}: set input_feeding and "
                "copying to false, context_into to output, readout_from to both"
                if wants
                else None
            )
        if self.decoder == "transformer":
            return None  # which reads it in each layer
        if self.context_into == "output" and self.readout_from == "state":
            return (
                "context_into output and readout_from state leave the context unread: set "
                "model.readout_from to both or context, or model.context_into to another place"
            )
        if self.context_into == "all_layers" and self.decoder_layers == 1:
            return (
                "context_into all_layers feeds the context to the layers above the first: set "
                "model.decoder_layers to 2 or more, or model.context_into to first_layer"
            )
        if self.input_feeding and not self.readout_size:
            return (
                "input_feeding feeds the readout back, but model.readout_size is 0: set it above 0"
            )
        return None

    def _bridge_fault(self) -> str | None:
        if self.decoder == "transformer":
            return None  # which has no bridge
        if self.bridge == "zero" and self.attention == "none":
            return (
                "bridge zero passes on nothing of the source and attention none attends to none of "
                "it, so the decoder would never see it: set model.bridge to learnt or last, or "
                "model.attention to another kind"
            )
        if self.bridge == "last":
            used = [
                self.enc_sizes[min(depth, self.encoder_layers - 1)]
                for depth in range(self.decoder_layers)
            ]
            for size in used:
                if size != self.decoder_hidden_size:
                    return (
                        f"bridge last passes on the encoder's final states unchanged, but they "
                        f"have {size} units and the decoder {self.decoder_hidden_size}: make them "
                        "equal, or set model.bridge to learnt"
                    )
        return None

    def _embedding_fault(self) -> str | None:
        if self.tie_embeddings == "none":
            return None
        if not self.readout_size and self.readout_input_size != self.embedding_size:
            return (
                f"tie_embeddings {self.tie_embeddings} needs an output layer that reads as many "
                f"units as embeddings have, but with readout_size 0 it reads "
                f"{self.readout_input_size}: set model.readout_size to {self.embedding_size}"
            )
        if self.readout_size and self.readout_size != self.embedding_size:
            return (
                f"tie_embeddings {self.tie_embeddings} needs model.readout_size equal to "
                f"model.embedding_size, but they are {self.readout_size} and {self.embedding_size}"
            )
        return None

    @property
    def readout_input_size(self) -> int:
        """Units that the readout reads."""
        if self.decoder == "transformer":
            return self.decoder_hidden_size
        return {
            "both": self.decoder_hidden_size + (self.enc_size if self.attention != "none" else 0),
            "state": self.decoder_hidden_size,
            "context": self.enc_size,
        }[self.readout_from]

    @property
    def output_size(self) -> int:
        """Units that the output layer reads."""
        return self.readout_size or self.readout_input_size
