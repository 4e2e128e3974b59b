"""The command line. Each command imports what it needs when it runs."""

import typer

from crossfade.cli.doctor import doctor
from crossfade.cli.explain import explain
from crossfade.cli.judge import judge
from crossfade.cli.load import load
from crossfade.cli.measure import measure
from crossfade.cli.plan import plan
from crossfade.cli.run import run
from crossfade.cli.simulate import simulate
from crossfade.cli.verify import verify
from crossfade.cli.warm import warm

app = typer.Typer(
    help="Rolls new versions of machine-learning models into live traffic, and back at once when they are worse.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # they show local variables, which may hold secrets
)


@app.callback()
def _crossfade() -> None:
    """Make the commands sub-commands, also while there is but one."""


_READS_THEM_ITSELF = {"allow_extra_args": True, "ignore_unknown_options": True}
"""What a command needs for whose arguments there is a parser of its own."""


def _load(context: typer.Context) -> None:
    """Load a model's files and verify their digest."""
    raise typer.Exit(load(context.args))


def _verify(context: typer.Context) -> None:
    """Verify the digest of a model in an image that is mounted where it is served."""
    raise typer.Exit(verify(context.args))


app.command("doctor")(doctor)
app.command("explain")(explain)
app.command("judge")(judge)
app.command("load", add_help_option=False, context_settings=_READS_THEM_ITSELF)(_load)
app.command("measure")(measure)
app.command("plan")(plan)
app.command("run")(run)
app.command("simulate")(simulate)
app.command("verify", add_help_option=False, context_settings=_READS_THEM_ITSELF)(_verify)
app.command("warm")(warm)
