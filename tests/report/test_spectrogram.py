"""What the page shows of a recording."""

import base64

import numpy as np

from attn2seq.report.sentences import spectrogram


def test_a_position_is_the_mean_of_its_frames() -> None:
    frames = np.zeros((6, 3), np.float32)
    frames[0] = 4, -8, 0  # mean of four: 1, -2, 0
    frames[4:] = 2  # the last position has two frames
    found = spectrogram(frames)
    levels = np.frombuffer(base64.b64decode(found["mels"]), np.uint8).reshape(-1, found["bins"])
    assert levels.tolist() == [[191, 0, 128], [255, 255, 255]]
