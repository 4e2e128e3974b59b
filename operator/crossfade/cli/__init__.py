"""The command line. Each command imports what it needs when it runs: the loader starts in every pod of every model."""

import typer

from crossfade.cli.doctor import doctor
from crossfade.cli.explain import explain
from crossfade.cli.judge import judge
from crossfade.cli.load import load as load_command
from crossfade.cli.measure import measure
from crossfade.cli.plan import plan
from crossfade.cli.run import run
from crossfade.cli.simulate import simulate
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


app.command("doctor")(doctor)
app.command("explain")(explain)
app.command("judge")(judge)
app.command("load")(load_command)
app.command("measure")(measure)
app.command("plan")(plan)
app.command("run")(run)
app.command("simulate")(simulate)
app.command("warm")(warm)


def main() -> None:
    """Run the command line of this process."""
    app(prog_name="crossfade")
