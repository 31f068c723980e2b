"""What the network looks like."""

from typing import Literal

from pydantic import Field, model_validator

from attn2seq.config import Settings


class ModelSettings(Settings):
    """The architecture; a checkpoint carries it, so that decoding never reads it elsewhere."""

    cell: Literal["lstm", "gru", "rnn"]
    # the recurrent cell of every layer; rnn is the plain tanh network
    embedding_size: int = Field(gt=0)
    # units of a token's embedding, both sides
    encoder_layers: int = Field(gt=0)
    # recurrent layers
    encoder_hidden_size: int = Field(gt=0)
    # units of an encoder layer, in each direction
    bidirectional: bool
    # whether each encoder layer also reads from right to left
    decoder_layers: int = Field(gt=0)
    # recurrent layers
    decoder_hidden_size: int = Field(gt=0)
    # units of a decoder layer
    attention: Literal["none", "additive", "dot", "general"]
    # how a source position is scored against the decoder's output
    attention_size: int = Field(gt=0)
    # units of the additive score's hidden layer; the other scores have none
    input_feeding: bool
    # whether a step also reads the readout of the step before (Luong et al. 2015, section 3.3)
    readout_size: int = Field(gt=0)
    # units of the layer between the decoder and the output vocabulary
    residual: bool
    # whether layers from the second on add their input to their output
    dropout: float = Field(ge=0, lt=1)
    # share of units set to zero: embeddings, between layers, readout
    tie_embeddings: Literal["none", "target", "all"]
    # target: output layer = target embeddings; all: source embeddings too (joint vocabulary)

    @property
    def enc_size(self) -> int:
        """Units of an encoder state, both directions together."""
        return self.encoder_hidden_size * (2 if self.bidirectional else 1)

    @model_validator(mode="after")
    def _combinations(self) -> "ModelSettings":
        if self.attention == "dot" and self.enc_size != self.decoder_hidden_size:
            raise ValueError(
                f"attention dot needs encoder states as wide as the decoder's, but they have "
                f"{self.enc_size} and {self.decoder_hidden_size} units: change "
                f"model.decoder_hidden_size to {self.enc_size}, or use attention general"
            )
        if self.attention == "none" and self.input_feeding:
            raise ValueError(
                "input_feeding feeds back what attention found, and attention is none: "
                "set model.input_feeding to false"
            )
        if self.tie_embeddings != "none" and self.readout_size != self.embedding_size:
            raise ValueError(
                f"tie_embeddings {self.tie_embeddings} needs model.readout_size equal to "
                f"model.embedding_size, but they are {self.readout_size} and {self.embedding_size}"
            )
        return self
