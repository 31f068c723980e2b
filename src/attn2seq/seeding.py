"""One seed for python, numpy and torch; the data order draws from its own generator."""

import random

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Seed the global generators of python, numpy and torch (every device)."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def order_generator(seed: int, epoch: int) -> np.random.Generator:
    """The generator of one epoch's data order: it depends on nothing but the seed and the epoch."""
    return np.random.default_rng([seed, epoch])
