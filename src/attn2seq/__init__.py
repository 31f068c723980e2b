"""Attention sequence-to-sequence models: training, decoding, evaluation and reporting.

    import attn2seq
    translator = attn2seq.load("models/model")
    translator.translate(["Where is the station?"])[0].text

What `__all__` names is loaded when it is first used, so that `import attn2seq` waits for no torch;
`__init__.pyi` tells type checkers and editors what it is.
"""

import importlib

_HOMES = {
    "Hypothesis": "attn2seq.decoding.translation",
    "Translation": "attn2seq.decoding.translation",
    "Translator": "attn2seq.decoding.translator",
    "UserError": "attn2seq.errors",
    "load": "attn2seq.api",
    "train": "attn2seq.from_pairs",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
