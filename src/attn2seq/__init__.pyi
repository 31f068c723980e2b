from attn2seq.api import load as load
from attn2seq.decoding.translation import Hypothesis as Hypothesis
from attn2seq.decoding.translation import Translation as Translation
from attn2seq.decoding.translator import Translator as Translator
from attn2seq.errors import UserError as UserError
from attn2seq.from_pairs import train as train

__all__ = ["Hypothesis", "Translation", "Translator", "UserError", "load", "train"]
