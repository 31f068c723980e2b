"""Recordings in, texts out: a model of speech recognition as one object."""

from pathlib import Path

from attn2seq.batching.batch import Source
from attn2seq.decoding.batched import Reader
from attn2seq.decoding.reading_notes import Notes, merged
from attn2seq.decoding.translator import Translator
from attn2seq.features.audio import Audio
from attn2seq.features.log_mel import Frames, log_mels, normalised
from attn2seq.features.prepared_audio import audio_at
from attn2seq.features.settings import FRAME_SHIFT_S, FRAMES_PER_POSITION, positions


class Transcriber(Translator):
    """A Translator whose sources are recordings: each text is the path of one.

    A wav, FLAC or NIST SPHERE file of one channel and the sample rate that the model was trained
    with. `attn2seq.load` makes one from the folder of a model that reads recordings.
    """

    @property
    def sample_rate(self) -> int:
        """Samples per second of the recordings that it reads."""
        assert self.model.source is not None
        return self.model.source.frames.sample_rate

    def frames_of(self, recording: str | Path) -> Frames:
        """The frames that the model reads of a recording. Raises UserError."""
        assert self.model.source is not None
        form = self.model.source.frames
        audio = audio_at(Path(recording), self.sample_rate)
        return normalised(log_mels(audio, form.mel_bins), form)

    def _read(self, texts: list[str], limit: int) -> tuple[list[Reader], Notes]:
        """Each model with the frames of the recordings, at most `limit` positions each."""
        recordings = [audio_at(Path(path), self.sample_rate) for path in texts]
        forms = []
        for model in (self.model, *(other.model for other in self.others)):
            assert model.source is not None
            forms.append(model.source.frames)
        notes: Notes = {}
        kept: list[list[Source]] = [[] for _ in forms]
        for place, audio in enumerate(recordings):
            mels = {bins: log_mels(audio, bins) for bins in {form.mel_bins for form in forms}}
            for form, frames in zip(forms, kept, strict=True):
                whole = normalised(mels[form.mel_bins], form)
                frames.append(whole[: limit * FRAMES_PER_POSITION])
            if positions(len(whole)) > limit:
                notes[place] = (_cut(audio, limit),)
        for line in merged(notes, texts):
            self._warn(line)
        pairs = zip(self.steps, kept, strict=True)
        return [Reader(steps, frames) for steps, frames in pairs], notes

    def _src_pieces(self, line: str, source: Source) -> tuple[str, ...]:
        """The second at which each position begins."""
        step = FRAME_SHIFT_S * FRAMES_PER_POSITION
        return tuple(f"{place * step:.2f}" for place in range(positions(len(source))))


def _cut(audio: Audio, limit: int) -> str:
    kept = limit * FRAMES_PER_POSITION * FRAME_SHIFT_S
    return (
        f"cut to the first {kept:.1f} of {audio.seconds:.1f} s (max_source_length): give it in "
        "shorter pieces"
    )
