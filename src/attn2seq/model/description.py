"""A model's kind in words, as cards and pages say it."""

from collections.abc import Mapping


def described(settings: Mapping[str, str]) -> str:
    """From the settings of the section `model`; those that came later may be missing.

    described({"cell": "lstm", "attention": "dot"})
    "recurrent encoder-decoder (lstm, dot attention)"
    """
    encoder = settings.get("encoder", "recurrent")
    decoder = settings.get("decoder", "recurrent")
    cell, attention = settings["cell"], settings["attention"]
    looks = "no attention" if attention == "none" else f"{attention} attention"
    if (encoder, decoder) == ("recurrent", "recurrent"):
        return f"recurrent encoder-decoder ({cell}, {looks})"
    if decoder == "recurrent":
        return f"Transformer encoder with a recurrent decoder ({cell}, {looks})"
    own = encoder == "transformer"
    below = "Transformer" if own else f"{cell} encoder with a Transformer decoder"
    if settings.get("decoder_mixing", "self_attention") == "self_attention":
        return below
    return f"{below} whose decoder has {cell} in place of self-attention"
