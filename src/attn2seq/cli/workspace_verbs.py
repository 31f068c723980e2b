"""The verbs about a workspace: its corpus, its settings, its results and its disk space."""

import sys
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from attn2seq.cli.workspace import as_given, enter_workspace, find_workspace
from attn2seq.workspace.paths import RECIPES


def recipes() -> list[str]:
    """The names that can be given, for the shell's completion."""
    root = find_workspace(Path.cwd())
    return sorted(path.stem for path in (root / RECIPES).glob("*.yaml")) if root else []


def new(
    files: Annotated[
        list[Path],
        Argument(metavar="FILE [FILE]", help="Texts (a table, TMX, two files), or recordings."),
    ],
    name: Annotated[
        str | None, Option(metavar="NAME", help="Of the corpus. Default: after the file.")
    ] = None,
    src_lang: Annotated[str | None, Option(metavar="LANG", help="Such as en.")] = None,
    tgt_lang: Annotated[str | None, Option(metavar="LANG", help="Such as de.")] = None,
    src_column: Annotated[
        str | None, Option(metavar="COLUMN", help="Its name, its key, or its number from 1.")
    ] = None,
    tgt_column: Annotated[str | None, Option(metavar="COLUMN", help="Likewise.")] = None,
    header: Annotated[
        bool | None,
        Option(help="Whether the first line names the columns. Default: as it looks."),
    ] = None,
    task: Annotated[
        str, Option(metavar="TASK", help="In a word, such as summarisation.")
    ] = "translation",
    dev: Annotated[int | None, Option(min=1, metavar="N", help="Source sentences of dev.")] = None,
    test: Annotated[
        int | None, Option(min=1, metavar="N", help="Source sentences of test.")
    ] = None,
    use: Annotated[bool, Option("--use", help="Set download.corpus in params.yaml.")] = False,
    force: Annotated[bool, Option("--force", help="Replace an entry of that name.")] = False,
) -> None:
    """Add a corpus of your own.

    From one table, or two text files. Looks at them (format, encoding, columns, languages, pairs),
    copies them to data/local/, writes an entry into data/catalogue/ and says what to do next. A
    table is separated by tabs or commas, with or without quotes, has a JSON object per line, or is
    parquet; a translation memory (.tmx) does as well. Files of text may end in .gz. A folder of
    recordings has a text beside each, or a table of names and texts after it.

    \b
    Examples:
      attn2seq new mine.tsv --src-lang en --tgt-lang de
      attn2seq new mine.en mine.de --use
      attn2seq new questions.csv --src-column Question --tgt-column Answer \\
        --task "question answering" --src-lang en --tgt-lang en
      attn2seq new recordings/ transcripts.tsv --tgt-lang en --use
    """
    here = enter_workspace()
    from attn2seq.cli.new import Corpus, new_corpus
    from attn2seq.cli.new_recordings import new_recordings
    from attn2seq.sources.own_files import Wishes

    given = [as_given(file, here) for file in files]
    if given[0].is_dir():
        spoken, columns = Corpus(name, "speech recognition", (dev, test)), (src_column, tgt_column)
        print("\n".join(new_recordings(given, tgt_lang, columns, spoken, use, force)))
        return
    wishes = Wishes((src_lang, tgt_lang), (src_column, tgt_column), header)
    print("\n".join(new_corpus(given, wishes, Corpus(name, task, (dev, test)), use, force)))


def recipe(
    name: Annotated[
        str | None, Argument(metavar="NAME", help="See recipes/.", autocompletion=recipes)
    ] = None,
) -> None:
    """Write a recipe's settings into params.yaml.

    Comments and layout stay as they are. What the recipe does not name is set to its default, so
    that it is the same system whatever stood there before.

    \b
    Examples:
      attn2seq recipe multi30k-en-de
      attn2seq recipe phrasebook-en-de      (the defaults)
    """
    enter_workspace()
    from attn2seq.workspace.recipes import write_recipe

    print("\n".join(write_recipe(name)))


def check() -> None:
    """Look at params.yaml, DVC's files and git, before a run.

    `make repro` begins with it. The stage of that name looks at the same params, but DVC reads its
    own files before any stage. Prints nothing where all is well.

    \b
    Example:
      attn2seq check
    """
    enter_workspace()
    root = Path.cwd()
    from attn2seq.config import read_yaml
    from attn2seq.workspace.check_params import check_params
    from attn2seq.workspace.check_surroundings import check_surroundings
    from attn2seq.workspace.door import check_git, check_stages, tells_of_path
    from attn2seq.workspace.paths import CATALOGUE, ENSEMBLE, LOCAL, PARAMS

    check_git(root)
    check_stages(root)
    params = read_yaml(PARAMS)
    check_params(params, CATALOGUE)
    check_surroundings(params, CATALOGUE, LOCAL, ENSEMBLE)
    if told := tells_of_path(root):
        print(f"check: {told}", file=sys.stderr)


def doctor() -> int:
    """Look for what is amiss in installation and workspace.

    Packages, device, corpus mirror, disk, git, DVC's cache and MLflow's store. Works anywhere; in a
    workspace it looks at that, too. The exit status is 1 where something is broken.

    \b
    Example:
      attn2seq doctor
    """
    from attn2seq.cli.doctor import examine

    return examine()


def summary() -> None:
    """Print scores, times and where the results are.

    \b
    Example:
      attn2seq summary
    """
    enter_workspace()
    from attn2seq.cli.summary import summary_lines

    print("\n".join(summary_lines()))


def results() -> None:
    """List recorded runs, and which are older than the code.

    docs/results.md holds their scores; a run that is older may score otherwise today.

    \b
    Example:
      attn2seq results
    """
    enter_workspace()
    from attn2seq.cli.results import results_table

    print("\n".join(results_table(Path.cwd())))


def gc(
    yes: Annotated[bool, Option("--yes", help="Remove it without asking.")] = False,
    everything: Annotated[
        bool, Option("--all", help="Checkpoints of interrupted trainings, too.")
    ] = False,
) -> None:
    """List what can be removed from the caches, ask, and remove it.

    Everything that a commit, an experiment, the workspace or a run in MLflow names stays, and so do
    the downloads.

    \b
    Examples:
      attn2seq gc
      attn2seq gc --yes --all
    """
    enter_workspace()
    from attn2seq.cli.gc import make_room

    make_room(yes, everything)


VERBS = (new, recipe, check, doctor, summary, results, gc)
