"""How the model is trained."""

from typing import Literal

from pydantic import Field, model_validator

from attn2seq.config import Settings


class TrainSettings(Settings):
    """One training run."""

    seed: int = Field(ge=0, lt=2**32)
    # start weights, dropout and the order of the data follow from it
    device: Literal["auto", "cpu", "cuda"]
    # auto: the GPU where there is one
    number_type: Literal["auto", "float32", "bfloat16"]
    # what the layers compute in; auto: bfloat16 where the processor multiplies it natively
    threads: int = Field(ge=0)
    # CPU threads; 0: all cores. Results repeat to the byte for a fixed number only
    max_epochs: int = Field(gt=0)
    # passes over the training pairs at most
    max_steps: int = Field(ge=0)
    # optimizer steps at most; 0: no limit but the epochs
    batch_tokens: int = Field(gt=0)
    # a batch holds at most this many tokens on its longer side, padding counted
    batch_sentences: int = Field(gt=0)
    # and at most this many sentence pairs
    max_tokens: int = Field(gt=0)
    # longer pairs (tokens of either side) are left out of training
    optimizer: Literal["adam", "adamw"]
    # adamw decays the weights apart from the gradient
    learning_rate: float = Field(gt=0)
    # the highest rate, reached at the end of the warm-up
    adam_beta2: float = Field(gt=0, lt=1)
    # decay of Adam's running mean of squared gradients
    weight_decay: float = Field(ge=0)
    # L2 penalty (adam) or decoupled decay (adamw)
    schedule: Literal["constant", "linear", "cosine", "inverse_sqrt"]
    # course of the rate after the warm-up; linear and cosine end at zero with the last step
    warmup_steps: int = Field(ge=0)
    # optimizer steps over which the rate rises from zero
    label_smoothing: float = Field(ge=0, lt=1)
    # probability mass spread evenly over the vocabulary
    clip_norm: float = Field(ge=0)
    # gradients are scaled down to this norm; 0: never
    log_every_steps: int = Field(gt=0, le=50)
    # optimizer steps between two points of the training curve
    evaluate_every_steps: int = Field(gt=0)
    # optimizer steps between two looks at the dev set, each followed by a checkpoint
    patience: int = Field(ge=0)
    # stop after this many looks without a better dev loss; 0: never

    @model_validator(mode="after")
    def _combinations(self) -> "TrainSettings":
        if self.batch_tokens <= self.max_tokens:
            raise ValueError(
                f"batch_tokens must be above max_tokens, so that the longest pair fits a batch; "
                f"they are {self.batch_tokens} and {self.max_tokens}"
            )
        return self
