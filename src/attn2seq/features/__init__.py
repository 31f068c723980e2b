"""Recordings as frames: what is read of an audio file, and how frames are kept and varied."""
