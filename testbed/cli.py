"""The command line: up, down, status, env and run."""

import shlex
import sys
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from testbed.bed import Bed
from testbed.binaries import Kubernetes
from testbed.binaries.catalogue import KITS
from testbed.errors import TestbedError

app = typer.Typer(help="A real Kubernetes cluster with a gateway and Prometheus, in seconds, without containers.")
_Name = Annotated[str, typer.Option(help="Which bed: several can be up side by side.")]
_console = Console(stderr=True, highlight=False)


@app.command()
def up(
    name: _Name = "default",
    mlflow: Annotated[bool, typer.Option("--mlflow", help="Start an MLflow server too.")] = False,
    envoy: Annotated[bool, typer.Option("--envoy", help="Have a second gateway too: Envoy Gateway.")] = False,
    kubernetes: Annotated[Kubernetes, typer.Option(help="Which supported control plane.")] = Kubernetes.NEWEST,
) -> None:
    """Start a bed; nothing happens when it is up already, but that it gets a second gateway if that is asked for."""
    began = time.monotonic()
    with _complaining(), _console.status("starting") as status:

        def tell(line: str) -> None:
            _console.print(f"[dim]{time.monotonic() - began:5.1f} s[/dim]  {line}")
            status.update(line)

        bed = Bed.up(name, mlflow=mlflow, envoy=envoy, kubernetes=kubernetes, progress=tell)
    _console.print(f"bed [bold]{name}[/bold] is up after {time.monotonic() - began:.1f} s")
    _print(bed)


@app.command()
def down(name: _Name = "default") -> None:
    """End a bed and remove all of it; nothing happens when there is none."""
    with _complaining():
        Bed.remove(name)


@app.command()
def status() -> None:
    """Show the beds that are up."""
    beds = Bed.all()
    for bed in beds:
        _print(bed)
    if not beds:
        _console.print("no bed is up; start one with `python -m testbed up`")


@app.command()
def env(name: _Name = "default") -> None:
    """Print what a shell evaluates to use a bed: eval "$(python -m testbed env)"."""
    with _complaining():
        for variable, value in Bed.find(name).shell_environment().items():
            print(f"export {variable}={shlex.quote(value)}")


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def run(
    command: Annotated[list[str], typer.Argument(help="The command and its arguments.")], name: _Name = "default"
) -> None:
    """Run a command inside a bed: its network, its host names, kubectl and helm on PATH."""
    with _complaining():
        process = Bed.find(name).popen(command)
    while True:
        try:
            sys.exit(process.wait())
        except KeyboardInterrupt:
            continue  # the terminal interrupted the command too; it says when it ends


def _print(bed: Bed) -> None:
    table = Table.grid(padding=(0, 2))
    rows = {"bed": bed.name, "Kubernetes": KITS[bed.kubernetes].version, "KUBECONFIG": bed.kubeconfig}
    rows |= {"gateway": bed.gateway, "Prometheus": bed.prometheus}
    for title, value in (rows | {"Envoy": bed.envoy, "MLflow": bed.mlflow}).items():
        if value is not None:
            table.add_row(title, str(value))
    Console(highlight=False, soft_wrap=True).print(table)


class _complaining:  # noqa: N801  (used as a function is)
    """Turn what the testbed raises into one line on standard error and exit status 1."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, failure: BaseException | None, _trace: object) -> None:
        if isinstance(failure, TestbedError):
            _console.print(f"[red]error[/red]: {failure}", markup=True)
            sys.exit(1)
