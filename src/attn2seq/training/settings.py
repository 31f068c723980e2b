"""How the model is trained."""

from typing import Literal

from pydantic import Field, model_validator

from attn2seq.segmentation.settings import SegmentationSettings


class TrainSettings(SegmentationSettings):
    """One training run."""

    seed: int = Field(ge=0, lt=2**32)
    # start weights, dropout and the order of the data follow from it
    device: Literal["auto", "cpu", "cuda"]
    # auto: the GPU where there is one
    number_type: Literal["auto", "float32", "bfloat16"]
    # what the layers compute in; auto: bfloat16 where the processor multiplies it natively
    threads: int = Field(ge=0)
    # CPU threads; 0: all cores. Results repeat to the byte for a fixed number only
    processes: int = Field(gt=0)
    # that share each batch, the threads and the GPUs
    deterministic: bool
    # take on a GPU, too, only operations that repeat to the byte, and stop at any other
    max_epochs: int = Field(gt=0)
    # passes over the training pairs at most
    max_steps: int = Field(ge=0)
    # optimizer steps at most; 0: no limit but the epochs
    batch_tokens: int = Field(gt=0)
    # a batch holds at most this many tokens on its longer side, padding counted
    batch_sentences: int = Field(gt=0)
    # and at most this many sentence pairs
    max_tokens: int = Field(gt=0)
    # the longest pair (tokens of either side) that is trained as it is
    too_long: Literal["drop", "truncate"]
    # longer pairs are left out of training, or each side is cut, its end of sentence kept
    src_word_dropout: float = Field(ge=0, lt=1)
    # share of source tokens that the encoder reads as the unknown token
    accumulate_batches: int = Field(gt=0)
    # batches whose gradients make one optimizer step
    optimizer: Literal["sgd", "rmsprop", "adam", "adamw"]
    # adamw decays the weights apart from the gradient
    learning_rate: float = Field(gt=0)
    # the highest rate, reached at the end of the warm-up
    adam_beta2: float = Field(gt=0, lt=1)
    # decay of the running mean of squared gradients of adam, adamw and rmsprop
    momentum: float = Field(ge=0, lt=1)
    # share of the last update in the next one, of sgd and rmsprop
    weight_decay: float = Field(ge=0)
    # L2 penalty (sgd, rmsprop, adam) or decoupled decay (adamw)
    schedule: Literal["constant", "step", "plateau", "cosine", "inverse_sqrt"]
    # course of the rate after the warm-up; cosine ends at zero with the last step
    schedule_every_steps: int = Field(gt=0)
    # step: optimizer steps between two falls of the rate
    schedule_patience: int = Field(gt=0)
    # plateau: looks in a row without a better dev loss before each fall of the rate
    schedule_factor: float = Field(gt=0, lt=1)
    # step, plateau: what the rate is multiplied by at a fall
    warmup_steps: int = Field(ge=0)
    # optimizer steps over which the rate rises from zero
    label_smoothing: float = Field(ge=0, lt=1)
    # probability mass spread evenly over the vocabulary
    coverage_loss: float = Field(ge=0)
    # weight of attention on what was looked at before, where the model keeps coverage
    ctc_weight: float = Field(ge=0, lt=1)
    # share of the CTC loss of the encoder's states in what is minimised; 0: none
    r_drop: float = Field(ge=0)
    # weight of the symmetric divergence between two dropout passes; 0: one pass
    scheduled_sampling: float = Field(ge=0, le=1)
    # final share of decoder inputs drawn from the model's own predictions; 0: never
    scheduled_sampling_course: Literal["linear", "exponential", "inverse_sigmoid"]
    # how that share is reached
    scheduled_sampling_steps: int = Field(gt=0)
    # how fast, in optimizer steps
    clip_norm: float = Field(ge=0)
    # gradients are scaled down to this norm; 0: never
    ema_decay: float = Field(ge=0, lt=1)
    # decay of the moving average of the weights, which is then what is kept; 0: none
    log_every_steps: int = Field(gt=0, le=50)
    # optimizer steps between two points of the training curve
    evaluate_every_steps: int = Field(gt=0)
    # optimizer steps between two looks at the dev set, each followed by a checkpoint
    patience: int = Field(ge=0)
    # stop after this many looks without a better dev loss; 0: never
    average_checkpoints: int = Field(ge=0)
    # looks at dev whose weights are averaged into the model; 0 or 1: the best look's alone
    average_of: Literal["last", "best"]
    # the last looks, or those with the lowest dev loss

    @model_validator(mode="after")
    def _combinations(self) -> "TrainSettings":
        if self.batch_tokens <= self.max_tokens:
            raise ValueError(
                f"batch_tokens must be above max_tokens, so that the longest pair fits a batch; "
                f"they are {self.batch_tokens} and {self.max_tokens}"
            )
        if self.subword_nbest == 1:
            raise ValueError(
                "subword_nbest must be 0 (off) or at least 2, since one leaves no choice"
            )
        if self.momentum and self.optimizer.startswith("adam"):
            raise ValueError(
                f"momentum is for sgd and rmsprop; {self.optimizer} has its own: set "
                "momentum to 0.0, or optimizer to sgd or rmsprop"
            )
        if self.schedule == "plateau" and 0 < self.patience <= self.schedule_patience:
            raise ValueError(
                f"patience ({self.patience}) ends training before schedule_patience "
                f"({self.schedule_patience}) lowers the rate: set patience higher, or to 0"
            )
        return self
