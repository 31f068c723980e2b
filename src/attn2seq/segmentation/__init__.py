"""Texts segmented anew in each epoch: subword regularisation and BPE dropout."""
