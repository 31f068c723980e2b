"""From a folder of token ids to a folder with a trained model."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from attn2seq.batching.batch import Pairs
from attn2seq.distributed.ranks import ALONE, Ranks
from attn2seq.errors import StoppedError, UserError
from attn2seq.features.augment import AugmentedFrames
from attn2seq.features.frame_store import FrameStore, read_frame_format, speed_prefix
from attn2seq.features.settings import FeatureSettings, FrameFormat, FrameSource
from attn2seq.model.checkpoint import load_model, save_model
from attn2seq.model.config_file import CONFIG, differing, read_config
from attn2seq.model.device import moved
from attn2seq.model.seq2seq import Seq2Seq
from attn2seq.model.settings import ModelSettings
from attn2seq.preparing.settings import START_FOLDER
from attn2seq.seeding import seed_everything
from attn2seq.segmentation.segmentation import pairs_of_epochs
from attn2seq.tokenization.token_store import TokenStore
from attn2seq.tokenization.tokenizer import Tokenizer
from attn2seq.tokenization.vectors import read_vectors
from attn2seq.training.checkpoints import CheckpointFolder
from attn2seq.training.history import History
from attn2seq.training.loop import Trainer
from attn2seq.training.settings import TrainSettings
from attn2seq.whole import whole_folder, write_json

TOKENIZERS = ("src.model", "tgt.model")


def train_model(
    tokenized: Path,
    model_folder: Path,
    metrics_path: Path,
    model_settings: ModelSettings,
    settings: TrainSettings,
    device: torch.device,
    number_type: torch.dtype,
    history: History,
    checkpoints: CheckpointFolder,
    say: Callable[[str], None],
    asked_to_stop: Callable[[], StoppedError | None] = lambda: None,
    ranks: Ranks = ALONE,
    features: FeatureSettings | None = None,
) -> None:
    """Train, then write the model folder (weights, config, tokenizers) and the metrics.

    Of several `ranks` the first alone writes. `features` is needed where the tokenized sources are
    frames of recordings.

    Raises UserError where the tokenized data cannot serve the model, StoppedError where training
    was asked to stop.
    """
    source = frame_source(tokenized, features)
    names = TOKENIZERS if source is None else TOKENIZERS[1:]
    tokenizers = {name.partition(".")[0]: Tokenizer(tokenized / name) for name in names}
    sizes = {side: one.vocabulary_size for side, one in tokenizers.items()}
    for key, wanted in (
        ("tie_embeddings is all", model_settings.tie_embeddings == "all"),
        ("copying is true", model_settings.copying),
    ):
        if wanted and (source is not None or not _same_bytes(tokenized)):
            raise UserError(
                f"model.{key}, which needs one vocabulary for both sides: "
                "set tokenize.joint_vocabulary to true"
            )
    seed_everything(settings.seed)
    model = Seq2Seq(model_settings, sizes.get("src", 0), sizes["tgt"], source)
    start_from_vectors(model, tokenized, say)
    if (tokenized / START_FOLDER).is_dir():
        start_from_model(model, tokenized / START_FOLDER, say)
    moved(model, device, number_type)
    count = sum(parameter.numel() for parameter in model.parameters())
    train_pairs, dev_pairs = (_pairs(tokenized, split, source) for split in ("train", "dev"))
    say(f"{len(train_pairs):,} training pairs, {len(dev_pairs):,} dev pairs, {count:,} parameters")
    with pairs_of_epochs(
        train_pairs,
        tokenizers,
        settings,
        settings.seed,
        settings.max_tokens,
        settings.max_epochs,
        say,
    ) as pairs_of_epoch:
        if source is not None and features is not None:
            pairs_of_epoch = _augmented(
                pairs_of_epoch, tokenized, features, source.frames, settings.seed
            )
        trainer = Trainer(
            model,
            pairs_of_epoch,
            dev_pairs,
            settings,
            history,
            checkpoints,
            say,
            asked_to_stop,
            ranks,
        )
        too_long = trainer.epoch.too_long
        if too_long:
            done = "left out" if settings.too_long == "drop" else "cut"
            say(f"{done} {too_long:,} pairs longer than train.max_tokens ({settings.max_tokens})")
        weights = trainer.run()
    if not weights:
        raise UserError(
            "the dev loss was never finite: lower train.learning_rate, or set "
            "train.number_type to float32"
        )
    if not ranks.is_first:
        return
    # Whole again, should anyone have touched the file while training appended to it.
    history.restore(history.rows)
    say(f"best dev loss {trainer.progress.best_loss:.4f} at step {trainer.progress.best_step}")
    if trainer.average.steps():
        steps = ", ".join(str(step) for step in trainer.average.steps())
        say(f"kept the average of steps {steps}, with dev loss {trainer.kept['dev_loss']:.4f}")
    with whole_folder(model_folder) as folder:
        save_model(folder, model, weights)
        for name in names:
            shutil.copyfile(tokenized / name, folder / name)
    _write_metrics(metrics_path, trainer, count)


def start_from_vectors(model: Seq2Seq, tokenized: Path, say: Callable[[str], None]) -> None:
    """Put the vectors that the tokenize stage found into the embeddings; the rest stay as drawn.

    With `model.freeze_embeddings` those of a side that has vectors are then no longer trained.
    Raises UserError where the vectors are not as wide as the embeddings.
    """
    # The source last: where both sides share their embeddings, its vectors count.
    for side in ("tgt", "src"):
        path = tokenized / f"{side}_vectors.npy"
        if path.is_file():
            embedding: nn.Embedding = getattr(model, f"{side}_embedding")
            found = _fill(embedding, path, f"download.{side}_vectors")
            embedding.requires_grad_(not model.settings.freeze_embeddings)
            say(f"{found:,} of {embedding.num_embeddings:,} {side} embeddings start from vectors")


def start_from_model(model: Seq2Seq, folder: Path, say: Callable[[str], None]) -> None:
    """Take over all weights of the model that the tokenize stage handed on.

    Raises UserError where it is of another architecture.
    """
    found = load_model(folder, torch.device("cpu"), torch.float32)
    if (model.source is None) != (found.source is None):
        raise UserError(
            "the model that download.start_from names and this one read sources of different "
            "kinds, texts and recordings: name another"
        )
    if differences := differing(model.settings, found.settings):
        raise UserError(
            "training cannot start from the model that download.start_from names: "
            f"{'; '.join(differences)}: make them equal"
        )
    model.load_state_dict(found.state_dict())
    say("all weights start from those of a trained model (download.start_from)")


def _fill(embedding: nn.Embedding, path: Path, key: str) -> int:
    """Returns the number of rows that have a vector."""
    vectors = torch.from_numpy(read_vectors(path))
    rows, width = vectors.shape
    if width != embedding.embedding_dim:
        raise UserError(
            f"the vectors of {key} have {width} numbers, and model.embedding_size is "
            f"{embedding.embedding_dim}: set it to {width}, or choose other vectors"
        )
    if rows != embedding.num_embeddings:
        raise UserError(f"{path} does not fit the vocabulary; run tokenize again")
    found = ~vectors.isnan().any(dim=1)
    with torch.no_grad():
        embedding.weight[found] = vectors[found]
    return int(found.sum())


def frame_source(tokenized: Path, features: FeatureSettings | None) -> FrameSource | None:
    """What a model must know of its recordings; None where sources are texts.

    The format of a model that training starts from is kept, since its weights fit that.
    """
    form = read_frame_format(tokenized)
    if form is None:
        return None
    assert features is not None
    if (tokenized / START_FOLDER).is_dir():
        started = read_config(tokenized / START_FOLDER / CONFIG).source
        if started is None or started.frames.mel_bins != form.mel_bins:
            raise UserError(
                "the model that download.start_from names reads other sources than recordings of "
                f"{form.mel_bins} mel bins: set features.mel_bins to its, or name another model"
            )
        return started
    front = features.front()
    return FrameSource(frames=form, front_end=front.front_end, front_end_size=front.front_end_size)


def _augmented(
    pairs_of_epoch: Callable[[int], Pairs],
    tokenized: Path,
    features: FeatureSettings,
    form: FrameFormat,
    seed: int,
) -> Callable[[int], Pairs]:
    """The same pairs with recordings that are varied in each epoch."""
    at_speeds = [
        FrameStore(speed_prefix(tokenized / "train.src", place), form)
        for place in range(len(features.speeds))
    ]

    def pairs(epoch: int) -> Pairs:
        varied = AugmentedFrames(at_speeds, features, seed, epoch)
        return replace(pairs_of_epoch(epoch), src=varied)

    return pairs


def _pairs(tokenized: Path, split: str, source: FrameSource | None) -> Pairs:
    prefix, tgt = tokenized / f"{split}.src", TokenStore(tokenized / f"{split}.tgt")
    return Pairs(TokenStore(prefix) if source is None else FrameStore(prefix, source.frames), tgt)


def _same_bytes(tokenized: Path) -> bool:
    src, tgt = ((tokenized / name).read_bytes() for name in TOKENIZERS)
    return src == tgt


def _write_metrics(path: Path, trainer: Trainer, parameters: int) -> None:
    """The figures of the weights that are kept: one look's, or the average of several."""
    averaged = trainer.average.steps()
    metrics = {
        "steps": trainer.optimizer.step_number,
        "epochs": round(trainer.history.rows[-1]["epoch"], 2),
        **(
            {"averaged_checkpoints": len(averaged)}
            if averaged
            else {"best_step": trainer.progress.best_step}
        ),
        "parameters": parameters,
        **{
            name: round(trainer.kept[name], 4)
            for name in ("train_loss", "dev_loss", "dev_perplexity", "dev_accuracy")
        },
    }
    write_json(path, metrics)
