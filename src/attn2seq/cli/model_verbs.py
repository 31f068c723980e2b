"""The verbs that use a trained model."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from attn2seq.cli.replies import REPLIES

MODEL_HELP = (
    "A model folder, a revision (commit, tag, branch, DVC experiment), an address in MLflow "
    "(models:/name@alias, runs:/id/model) or on the hub (hub:owner/name). Default: models/model of "
    "the workspace."
)
Model = Annotated[str | None, Option("--model", "-m", metavar="MODEL", help=MODEL_HELP)]
BeamSize = Annotated[
    int | None, Option(metavar="N", help="Hypotheses kept alive; 1 is greedy search.")
]


def translate(
    text: Annotated[
        list[str] | None, Argument(metavar="TEXT", help="Lines; without any, standard input.")
    ] = None,
    file: Annotated[
        Path | None, Option("--file", "-f", metavar="FILE", help="Translate this file's lines.")
    ] = None,
    model: Model = None,
    nbest: Annotated[int | None, Option(metavar="N", help="Hypotheses for each line.")] = None,
    beam_size: BeamSize = None,
    prefix: Annotated[
        str | None, Option(metavar="TEXT", help="What every translation begins with.")
    ] = None,
    scores: Annotated[bool, Option("--scores", help="Write each hypothesis' score.")] = False,
    attention: Annotated[
        bool, Option("--attention", help="Draw the best one's attention.")
    ] = False,
) -> None:
    """Translate lines with a trained model.

    Lines in, lines out, in order. Columns are separated by tabs: with --nbest the number of the
    line (from 0), with --scores the score, then the text. Options override the settings that the
    model was scored with.

    \b
    Examples:
      attn2seq translate "a dog runs" "two men sit"
      attn2seq translate --nbest 3 --scores --file texts.txt
      attn2seq translate --model HEAD~1 < texts.txt > translations.txt
    """
    from attn2seq.cli.translate import translate_lines

    translate_lines(text or [], file, model, nbest, beam_size, prefix, scores, attention)


def score(
    sources: Annotated[
        Path | None, Argument(metavar="SOURCES", help="A file of sources, one per line.")
    ] = None,
    targets: Annotated[
        Path | None, Argument(metavar="TARGETS", help="A file of as many targets.")
    ] = None,
    model: Model = None,
    per_token: Annotated[
        bool, Option("--per-token", help="Divide by the target's tokens, end of sentence counted.")
    ] = False,
) -> None:
    """Print the log-probability of given translations.

    A log-probability in nats for each pair, in order. Without files, pairs are read from standard
    input: source and target, separated by a tab.

    \b
    Examples:
      attn2seq score texts.en texts.de
      attn2seq score --per-token --model HEAD~1 texts.en texts.de
      paste texts.en texts.de | attn2seq score > nats.txt
    """
    from attn2seq.cli.score import score_pairs

    score_pairs(sources, targets, model, per_token)


def demo(
    model: Model = None,
    port: Annotated[int, Option(metavar="PORT", help="0 takes a free one.")] = 8000,
    beam_size: BeamSize = None,
    nbest: Annotated[
        int | None, Option(metavar="N", help="Translations shown; 5, or what a smaller beam has.")
    ] = None,
) -> None:
    """Serve a page on this machine to type texts into.

    It shows the translation of each sentence and how it came about; a model of dialogues is talked
    with. Ctrl-C ends it.

    \b
    Examples:
      attn2seq demo
      attn2seq demo --model models:/phrasebook-en-de@champion --port 8080
    """
    from attn2seq.cli.demo import serve_demo

    serve_demo(model, port, beam_size, nbest)


def chat(
    model: Model = None,
    seed: Annotated[
        int, Option(metavar="N", help="Seed of the draws: another gives other replies.")
    ] = REPLIES["sampling_seed"],
    temperature: Annotated[
        float, Option(metavar="T", help="Below 1 the replies are safer, above 1 bolder.")
    ] = REPLIES["temperature"],
    top_p: Annotated[
        float, Option(metavar="P", help="Draw from the fewest pieces of this probability.")
    ] = REPLIES["top_p"],
    repetition_penalty: Annotated[
        float, Option(metavar="X", help="Makes pieces of a reply less probable again; 1 is none.")
    ] = REPLIES["repetition_penalty"],
    no_repeat_ngram_size: Annotated[
        int, Option(metavar="N", help="No N pieces occur twice in a reply; 0 is off.")
    ] = REPLIES["no_repeat_ngram_size"],
) -> None:
    """Talk with a model that was trained on dialogues.

    A line is a turn; the model answers the last turns of both, as many as it was trained with. An
    empty line begins a new conversation, Ctrl-D ends it. The same lines and seed give the same
    replies.

    \b
    Examples:
      attn2seq chat
      attn2seq chat --temperature 0.5 --seed 7
      printf 'Hello!\\nHow are you?\\n' | attn2seq chat
    """
    from attn2seq.cli.chat import hold_chat

    hold_chat(
        model,
        sampling_seed=seed,
        temperature=temperature,
        top_p=top_p,
        repetition_penalty=repetition_penalty,
        no_repeat_ngram_size=no_repeat_ngram_size,
    )


def serve(
    port: Annotated[int, Option(metavar="PORT")] = 5001,
    fast: Annotated[
        bool, Option("--fast", help="By our own server, which decodes requests together.")
    ] = False,
    model: Annotated[
        str | None,
        Option("--model", "-m", metavar="MODEL", help="With --fast: another than the champion."),
    ] = None,
    host: Annotated[
        str | None,
        Option(metavar="ADDRESS", help="With --fast: where to listen. Default: this machine."),
    ] = None,
) -> int:
    """Serve the champion on this machine.

    By MLflow's own server, or with --fast by ours, for which a model is named as for `attn2seq
    translate`. Requests and answers are the same. Ctrl-C ends it.

    \b
    Examples:
      attn2seq serve --port 5001
      attn2seq serve --fast --model models/model
      curl -H 'Content-Type: application/json' -d '{"inputs": ["a text"]}' \\
        127.0.0.1:5001/invocations
    """
    from attn2seq.cli.serve import serve_model

    return serve_model(fast, model, host, port)


class ExportFormat(StrEnum):
    """What other runtimes read."""

    ONNX = "onnx"


class ExportWeights(StrEnum):
    """What an exported model's weights are stored as."""

    FLOAT32 = "float32"
    INT8 = "int8"


def export(
    folder: Annotated[Path, Argument(metavar="FOLDER", help="Where to write it.")],
    model: Model = None,
    format: Annotated[ExportFormat, Option("--format", help="The form.")] = ExportFormat.ONNX,
    weights: Annotated[
        ExportWeights, Option("--weights", help="int8 rounds them to 8 bits.")
    ] = ExportWeights.FLOAT32,
) -> None:
    """Write a trained model for programs without torch.

    The folder holds the encoder and one step of the decoder as ONNX graphs, the vocabularies, and
    export.json, which says how they belong together. The graphs are compared with torch before the
    folder appears. `examples/onnx_translate.py` translates with it.

    \b
    Examples:
      attn2seq export exported
      attn2seq export --weights int8 --model HEAD~1 exported
    """
    from attn2seq.cli.export import export as export_to

    export_to(model, folder, weights.value)


def publish(
    model: Annotated[str | None, Argument(metavar="MODEL", help=MODEL_HELP)] = None,
    folder: Annotated[
        Path | None, Option("--to", metavar="FOLDER", help="Where to write it: a new folder.")
    ] = None,
    repository: Annotated[
        str | None, Option("--push", metavar="OWNER/NAME", help="Put it on the hub, privately.")
    ] = None,
    public: Annotated[bool, Option("--public", help="With --push: for all to see.")] = False,
) -> None:
    """Write a trained model for others, or push it to a hub.

    The folder holds the model with its ensemble's members, a list of checksums, and as README.md
    the model card, with metadata for a hub: licence, languages, task, scores. Read the card before
    you push: the licence in it is the corpus's.

    Pushing needs a token that may write, in HF_TOKEN. The hub is huggingface.co, or the server that
    HF_ENDPOINT names. What was pushed is the model hub:owner/name.

    \b
    Examples:
      attn2seq publish --to published
      attn2seq publish published --push me/mine
      attn2seq publish models:/mine@champion --push me/mine --public
    """
    from attn2seq.cli.publish import publish as publish_to

    publish_to(model, folder, repository, public)


VERBS = (translate, score, demo, chat, serve, export, publish)
