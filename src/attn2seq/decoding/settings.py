"""How a trained model is searched for texts."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypedDict

from pydantic import Field, model_validator

from attn2seq.config import ConfigError, Settings, format_faults, validate

FolderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


Search = Literal["beam", "sampling"]
LengthNormalisation = Literal["none", "average", "wu"]
Utility = Literal["none", "chrf", "bleu"]


class SearchOptions(TypedDict, total=False):
    """Settings that may be others at each call, besides beam_size and nbest; see DecodeSettings."""

    search: Search
    length_normalisation: LengthNormalisation
    length_alpha: float
    coverage_penalty: float
    min_length: int
    max_length_factor: float
    max_length_offset: int
    no_repeat_ngram_size: int
    temperature: float
    top_k: int
    top_p: float
    repetition_penalty: float
    sampling_seed: int
    mbr: Utility
    mbr_candidates: int
    max_source_length: int
    batch_tokens: int


# What may be given with each call.
OPTIONS = ("beam_size", "nbest", *SearchOptions.__annotations__)


class DecodeSettings(Settings):
    """One way of decoding. Pieces are subword pieces without the end of sentence."""

    device: Literal["auto", "cpu", "cuda"]
    # auto: the GPU where there is one
    number_type: Literal["auto", "float32", "bfloat16"]
    # what the layers compute in; auto: bfloat16 where the processor multiplies it natively
    threads: int = Field(ge=0)
    # CPU threads; 0: all cores
    processes: int = Field(ge=1)
    # processes that divide the sentences among them, and the threads or a GPU each
    ensemble: list[FolderName]
    # folders of further models whose probabilities are averaged with the model's
    search: Search
    # beam: the most probable texts; sampling: texts drawn from the model's distribution
    beam_size: int = Field(gt=0, le=1000)
    # hypotheses kept alive at each step; 1: greedy search
    nbest: int = Field(gt=0, le=1000)
    # hypotheses written for each sentence; a smaller beam gives as many as it has
    length_normalisation: LengthNormalisation
    # what a hypothesis' log-probability is divided by: nothing; its tokens; Wu et al. 2016
    length_alpha: float = Field(ge=0, le=10)
    # exponent of the wu penalty; 0: no penalty
    coverage_penalty: float = Field(ge=0, le=10)
    # weight of what a score loses for source words without attention (Wu et al. 2016); 0: none
    min_length: int = Field(ge=0)
    # fewest pieces of a hypothesis
    max_length_factor: float = Field(ge=0, le=1000)
    # most pieces of a hypothesis: this times the source's pieces ...
    max_length_offset: int = Field(ge=0)
    # ... plus this many
    no_repeat_ngram_size: int = Field(ge=0, le=100)
    # pieces of the shortest sequence that a hypothesis may not repeat (Paulus et al. 2018); 0: any
    temperature: float = Field(ge=0.001, le=100)
    # what log-probabilities are divided by before a token is drawn
    top_k: int = Field(ge=0)
    # a token is drawn from this many, the most probable ones; 0: from all
    top_p: float = Field(gt=0, le=1)
    # ... and from the fewest whose probabilities sum to this share
    repetition_penalty: float = Field(ge=1, le=100)
    # factor of the log-probabilities of pieces already drawn (Keskar et al. 2019); 1: none
    sampling_seed: int = Field(ge=0)
    # seed of the draws
    mbr: Utility
    # utility by whose expectation hypotheses are ranked again (minimum Bayes risk)
    mbr_candidates: int = Field(ge=2, le=1000)
    # hypotheses of each sentence that are compared with each other
    max_source_length: int = Field(gt=0)
    # pieces; a longer source is cut here, with a warning
    batch_tokens: int = Field(gt=0)
    # a batch holds at most this many source tokens, padding counted, each as many times as its
    # sentence has hypotheses at a step
    attention_maps: int = Field(ge=0)
    # sentences of each split, from the first on, whose attention weights are kept

    @property
    def candidates(self) -> int:
        """Hypotheses that the search gives for each sentence: a beam has no more than its size."""
        asked = self.nbest if self.mbr == "none" else self.mbr_candidates
        return min(asked, self.beam_size) if self.search == "beam" else asked

    @property
    def kept(self) -> int:
        """Hypotheses written for each sentence, at most."""
        return min(self.nbest, self.candidates)

    @property
    def rows(self) -> int:
        """Hypotheses of a sentence that a step reads at once."""
        return self.beam_size if self.search == "beam" else self.candidates

    @model_validator(mode="after")
    def _combinations(self) -> "DecodeSettings":
        for fault in (
            self._ensemble_fault(),
            self._sampling_fault(),
            self._coverage_fault(),
            self._mbr_fault(),
        ):
            if fault is not None:
                raise ValueError(fault)
        return self

    def _ensemble_fault(self) -> str | None:
        for name in self.ensemble:
            if self.ensemble.count(name) > 1:
                return f"ensemble names {name} twice: name each model once"
        return None

    def _sampling_fault(self) -> str | None:
        if self.search == "sampling":
            return None
        for name, value, off in (
            ("temperature", self.temperature, 1.0),
            ("top_k", self.top_k, 0),
            ("top_p", self.top_p, 1.0),
            ("repetition_penalty", self.repetition_penalty, 1.0),
        ):
            if value != off:
                return (
                    f"{name} ({value}) is for sampling, but search is beam: set decode.search to "
                    f"sampling, or decode.{name} to {off}"
                )
        return None

    def _coverage_fault(self) -> str | None:
        if not self.coverage_penalty:
            return None
        remedy = f"or decode.coverage_penalty ({self.coverage_penalty}) to 0"
        if self.search == "sampling":
            return (
                "coverage_penalty ranks the hypotheses of a beam, but search is sampling: set "
                f"decode.search to beam, {remedy}"
            )
        if self.beam_size == 1:
            return (
                "coverage_penalty ranks the hypotheses of a beam, but beam_size 1 has one: set "
                f"decode.beam_size to 2 or more, {remedy}"
            )
        return None

    def _mbr_fault(self) -> str | None:
        if self.mbr != "none" and self.search == "beam" and self.mbr_candidates > self.beam_size:
            return (
                f"mbr {self.mbr} compares {self.mbr_candidates} hypotheses (mbr_candidates), but "
                f"the beam has {self.beam_size}: raise decode.beam_size, lower "
                "decode.mbr_candidates, or set decode.search to sampling"
            )
        return None


REQUEST = "the request"


def requested_settings(values: Mapping[str, Any], given: Mapping[str, Any]) -> DecodeSettings:
    """The settings `values`, with what a request gives in their place; None gives nothing.

    Raises ConfigError, also where the request asks for more hypotheses than its search has: the
    answer would hold fewer, without a word.
    """
    changes = {key: value for key, value in given.items() if value is not None}
    checked = validate({"decode": DecodeSettings}, {"decode": {**values, **changes}}, REQUEST)
    settings = checked["decode"]
    assert isinstance(settings, DecodeSettings)
    if "nbest" in changes and settings.kept < settings.nbest:
        bound = "beam_size" if settings.mbr == "none" else "mbr_candidates"
        fault = (
            f"decode.nbest: {settings.nbest} hypotheses are asked for, but the search has "
            f"{settings.kept} ({bound}): lower nbest, or raise {bound}"
        )
        raise ConfigError(format_faults(REQUEST, [fault]))
    return settings
