"""The attention that the settings name."""

from attn2seq.model.additive import AdditiveAttention, NormalisedAdditiveAttention
from attn2seq.model.attention import (
    Attention,
    DotAttention,
    GeneralAttention,
    LocationAttention,
)
from attn2seq.model.multi_head import MultiHeadAttention
from attn2seq.model.settings import ModelSettings


def make_attention(settings: ModelSettings) -> Attention | None:
    """A fresh module; None for an encoder-decoder without attention."""
    query_size, enc_size = settings.decoder_hidden_size, settings.enc_size
    size = settings.attention_size
    match settings.attention:
        case "none":
            return None
        case "dot":
            return DotAttention()
        case "general":
            return GeneralAttention(query_size, enc_size)
        case "additive":
            return AdditiveAttention(query_size, enc_size, size, settings.coverage)
        case "normalised_additive":
            return NormalisedAdditiveAttention(query_size, enc_size, size, settings.coverage)
        case "location":
            return LocationAttention(query_size, settings.location_positions)
        case "multi_head":
            return MultiHeadAttention(query_size, enc_size, size, settings.attention_heads)
