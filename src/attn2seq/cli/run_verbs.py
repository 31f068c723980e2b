"""The verbs about runs: experiments, their comparison, and what MLflow shows of them."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from attn2seq.cli.workspace import enter_workspace, find_workspace
from attn2seq.cli.workspace_verbs import recipes
from attn2seq.workspace.door import check_git


def revisions() -> list[str]:
    """Branches, tags and DVC experiments, for the shell's completion."""
    from attn2seq.runs.revisions import known_names

    return sorted(set(known_names(find_workspace(Path.cwd()) or Path.cwd())))


def experiment(
    set_param: Annotated[
        list[str] | None,
        Option("--set-param", "-S", metavar="KEY=VALUE[,VALUE]", help="May be given repeatedly."),
    ] = None,
    name: Annotated[
        str | None,
        Option("--name", "-n", metavar="NAME", help="Of the experiment; a grid's begin with it."),
    ] = None,
    queue: Annotated[bool, Option("--queue", help="Run as jobs of DVC's queue.")] = False,
    jobs: Annotated[
        int, Option("--jobs", "-j", metavar="N", help="Jobs of the queue at a time.")
    ] = 1,
) -> int:
    """Run an experiment, or a grid of them.

    Ends in a table, the best by dev score first. Values are written as for `dvc exp run -S`: a,b or
    choice(a,b) or range(1,4). Each experiment runs in a copy of the workspace, which stays as it is
    until `dvc exp apply NAME`.

    \b
    Examples:
      attn2seq experiment -S model.cell=gru
      attn2seq experiment -S train.learning_rate=0.001,0.0005 -S train.seed=1,2
      attn2seq experiment --queue --jobs 2 -S train.seed=1,2
    """
    enter_workspace()
    check_git(Path.cwd(), "an experiment")
    from attn2seq.cli.experiment import run_experiments

    return run_experiments(set_param or [], name, queue, jobs)


def tune(
    recipe: Annotated[
        str, Argument(metavar="RECIPE", help="See recipes/.", autocompletion=recipes)
    ],
    ranges: Annotated[
        Path, Option("--ranges", metavar="FILE", help="What may vary, and between what.")
    ] = Path("ranges.yaml"),
    trials: Annotated[int, Option("--trials", min=1, metavar="N", help="In all.")] = 20,
) -> None:
    """Search for better settings of a recipe, on dev.

    The file of ranges has a line for each setting: `train.learning_rate: {low: 0.0005, high:
    0.005, log: true}` or `model.cell: [lstm, gru]`. Each trial is a DVC experiment; one that falls
    behind ends early. Ctrl-C stops the search, and the same command goes on with it. It ends in a
    recipe with the best settings.

    \b
    Examples:
      attn2seq tune luong-2015-dot --ranges ranges.yaml --trials 20
      attn2seq recipe luong-2015-dot-tuned
    """
    enter_workspace()
    check_git(Path.cwd(), "an experiment")
    from attn2seq.cli.tune import tune as search

    print("\n".join(search(recipe, ranges, trials)))


def experiments() -> None:
    """List DVC's experiments: scores, and what each changed.

    `dvc exp show` has a column for each param and each metric. Here a line has the test scores that
    count, if they are those of its own params, and the params that differ from those of the commit
    that it started from.

    \b
    Example:
      attn2seq experiments
    """
    enter_workspace()
    check_git(Path.cwd(), "the list of experiments")
    from attn2seq.cli.experiments import list_experiments

    print("\n".join(list_experiments()))


def compare(
    against: Annotated[
        str,
        Argument(
            metavar="AGAINST",
            help="A commit, tag, branch, DVC experiment, workspace or folder of results.",
            autocompletion=revisions,
        ),
    ],
    page: Annotated[
        bool, Option("--page", help="Also write a page into results/compare/.")
    ] = False,
) -> None:
    """Compare the workspace's scores with those of another run.

    \b
    Examples:
      attn2seq compare main
      attn2seq compare --page my-experiment
      attn2seq compare ../elsewhere
    """
    here = enter_workspace()
    check_git(Path.cwd())
    from attn2seq.cli.compare import compare_with

    print("\n".join(compare_with(against, page, here)))


def plots(
    revs: Annotated[
        list[str] | None,
        Argument(
            metavar="REV", help="Commits, branches, DVC experiments.", autocompletion=revisions
        ),
    ] = None,
    prepare: Annotated[
        bool, Option("--prepare", help="Only let `dvc plots show` draw without a network.")
    ] = False,
) -> int:
    """Draw the training curves with DVC, without a network.

    Of the workspace and every DVC experiment, or of the revisions named, together in each chart.

    \b
    Examples:
      attn2seq plots
      attn2seq plots main my-experiment
    """
    enter_workspace()
    check_git(Path.cwd(), "a chart of revisions" if revs else None)
    from attn2seq.cli.plots import draw

    return draw(revs or [], prepare)


def track(
    everything: Annotated[
        bool, Option("--all", help="Of every commit and DVC experiment, too.")
    ] = False,
) -> int:
    """Add to MLflow what it lacks of the workspace's run.

    What is there already stays as it is. With --all, what the repository's history records goes
    into an experiment of its own, and the champion of a lost database is champion again.

    \b
    Examples:
      attn2seq track
      attn2seq track --all
    """
    enter_workspace()
    check_git(Path.cwd(), "track --all" if everything else None)
    from attn2seq.runs import show

    status = show.main(["--all"] if everything else [])
    if everything and status == 0:
        from attn2seq.cli.register import restore_champions

        for line in restore_champions():
            print(line)
    return status


def ui(port: Annotated[int, Option(metavar="PORT")] = 5000) -> int:
    """Open MLflow's pages on this machine.

    Prints links to the charts, and to a server's where MLFLOW_TRACKING_URI names one. Ctrl-C ends
    it.

    \b
    Example:
      attn2seq ui --port 5050
    """
    enter_workspace()
    from attn2seq.cli.ui import show_ui

    return show_ui(port)


def register(
    run: Annotated[
        str | None,
        Option(metavar="NAME", help="Name of a run, or how its id begins. Default: the best."),
    ] = None,
    force: Annotated[bool, Option("--force", help="Even if it is no better.")] = False,
) -> None:
    """Make the best model by dev score the champion.

    Its alias in MLflow's model registry is models:/<corpus>@champion. A model that is no better
    than the champion is refused.

    \b
    Examples:
      attn2seq register
      attn2seq register --run "cell=gru"
    """
    enter_workspace()
    from attn2seq.cli.register import register_best

    print(register_best(run, force))


VERBS = (experiment, tune, experiments, compare, plots, track, ui, register)
