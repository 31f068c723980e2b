"""How two trainings are compared."""

import hashlib

import torch


def digest(weights: dict[str, torch.Tensor]) -> str:
    """Of all weights, to the bit."""
    return hashlib.sha256(b"".join(w.numpy().tobytes() for w in weights.values())).hexdigest()
