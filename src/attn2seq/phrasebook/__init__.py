"""The embedded corpus: a grammar, its lexicon, and the pairs they make."""
