"""All verbs as one typer application."""

import errno
import sys
from importlib.metadata import version as version_of
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from attn2seq.cli import model_verbs, run_verbs, workspace_verbs
from attn2seq.cli.ending import INTERRUPTED, leave_stdout, told_by_library
from attn2seq.errors import UserError


class Verbs(TyperGroup):
    """Ends every verb in the same way."""

    def invoke(self, ctx: Any) -> Any:
        """Run the verb that the context names; a number that it returns is the exit status."""
        try:
            status = super().invoke(ctx)
        except UserError as error:
            print(f"attn2seq {ctx.invoked_subcommand}: error: {error}", file=sys.stderr)
            status = 1
        except KeyboardInterrupt:
            leave_stdout()
            status = INTERRUPTED
        except BrokenPipeError:
            leave_stdout()
            status = 0
        except OSError as error:  # a full disk, a file that may not be read
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            remedy = ". Free some space (`make gc` lists what can be removed)" if full else ""
            print(f"attn2seq {ctx.invoked_subcommand}: error: {error}{remedy}", file=sys.stderr)
            status = 1
        except Exception as error:
            told = told_by_library(error)
            if told is None:
                raise
            print(f"attn2seq {ctx.invoked_subcommand}: error: {told}", file=sys.stderr)
            status = 1
        raise typer.Exit(status or 0)


def _version(asked: bool) -> None:
    if asked:
        print(f"attn2seq {version_of('attn2seq')}")
        raise typer.Exit


app = typer.Typer(
    cls=Verbs,
    no_args_is_help=True,
    rich_markup_mode=None,  # plain text, which 80 columns hold
    pretty_exceptions_enable=False,
)


@app.callback()
def describe(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Attention sequence-to-sequence models: data, experiments and trained models.

    Results are made by `make repro`. Verbs work from any folder of a workspace.

    \b
    Examples:
      attn2seq translate "The old woman reads."
      attn2seq new mine.tsv
      attn2seq experiment -S train.learning_rate=0.001,0.0005
      attn2seq VERB --help
    """


for verb in (*workspace_verbs.VERBS, *model_verbs.VERBS, *run_verbs.VERBS):
    app.command()(verb)
