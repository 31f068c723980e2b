"""Where a corpus comes from: downloads, mirrors, word vectors."""
