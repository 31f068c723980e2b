"""From what was read to train, dev and test: cleaning, filters, splits, hygiene."""
