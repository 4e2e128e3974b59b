"""From nothing to a running bed: programs, folder, namespaces, first process."""

import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from testbed import address, enter, images, places
from testbed.binaries import Kubernetes, locate, tools_for
from testbed.binaries.environments import python_env
from testbed.errors import TestbedError
from testbed.layout import Layout, Plan
from testbed.leash import CallerEnd
from testbed.node import needs
from testbed.process import parent, start_time
from testbed.progress import Progress
from testbed.record import Record, clear, stop
from testbed.unshare import namespace_command

_CLIENTS = ("kubectl", "helm")
_OTHERS = ("curl", "crossfade")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a bed shall be: with MLflow or not; Prometheus's scrape interval in seconds; which control plane; a real
    node or a stand-in."""

    name: str
    mlflow: bool
    scrape_seconds: float
    kubernetes: Kubernetes
    real_node: bool = False


def start(wish: Wish, folder: Path, progress: Progress) -> tuple[Record, CallerEnd]:
    """Start a bed in `folder`, which does not exist yet; the caller holds its lock.

    Returns its record and the leash, which ends the bed when it is dropped without `keep`. When this raises, nothing of
    the bed runs.
    """
    plan = _plan(wish, progress)
    layout = Layout(folder)
    try:
        folder.mkdir(mode=0o700)
        plan.write(layout.plan)
        images.write(layout.images)
        leash = _spawn(layout)
        record = _grow(wish, layout, leash, plan, progress)
    except TestbedError as failure:
        stop(folder)  # but keep the logs; the next start removes them
        raise TestbedError(f"{failure} (logs: {folder})") from failure
    except BaseException:
        clear(folder)
        raise
    return record, leash


def _plan(wish: Wish, progress: Progress) -> Plan:
    """All that the wish needs is here afterwards."""
    node = needs.fetch(wish.kubernetes, progress) if wish.real_node else None
    tools = tools_for(wish.kubernetes)
    programs = {program: words for tool in tools for program, words in locate(tool, progress).items()}
    environment = str(python_env("mlflow", progress)) if wish.mlflow else None
    if node is None:
        return Plan(programs, environment, wish.scrape_seconds)
    return Plan(programs | dict(node.kubernetes), environment, wish.scrape_seconds, str(node.packages.folder))


def _grow(wish: Wish, layout: Layout, leash: CallerEnd, plan: Plan, progress: Progress) -> Record:
    try:
        record = _first_record(wish, layout, leash, plan)
        record.write()
        _write_programs(layout, plan.programs, record.pid)
        leash.follow(progress)
    except BaseException:
        leash.drop()
        raise
    ready = replace(record, ready=True)
    ready.write()
    return ready


def entering(pid: int) -> list[str]:
    """The words that run a command inside the bed whose first process is `pid`."""
    return [sys.executable, "-I", "-S", enter.__file__, str(pid)]


def _spawn(layout: Layout) -> CallerEnd:
    ours, theirs = socket.socketpair()
    leash = CallerEnd(ours)
    first = [sys.executable, "-m", "testbed.init", str(layout.folder), str(theirs.fileno())]
    with theirs, layout.first_log.open("wb") as log:
        subprocess.run(
            ["setsid", "--fork", *namespace_command(), *first],  # a child of nobody's: it may outlive this process
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | {"PYTHONPATH": str(places.REPOSITORY)},
            pass_fds=[theirs.fileno()],
        )
    return leash


def _first_record(wish: Wish, layout: Layout, leash: CallerEnd, plan: Plan) -> Record:
    pid = leash.first_process()
    started = start_time(pid) if pid else None
    if pid is None or started is None:
        raise TestbedError(
            f"the namespaces of a bed could not be made: {layout.first_log.read_text().strip()}; "
            "be root, or let users make user namespaces (sysctl kernel.apparmor_restrict_unprivileged_userns=0)"
        )
    return Record(
        name=wish.name,
        dir=str(layout.folder),
        pid=pid,
        started=started,
        keeper=parent(pid),
        kubeconfig=str(layout.kubeconfig),
        audit=str(layout.audit),
        mlflow=address.MLFLOW if plan.mlflow else None,
        packages=plan.packages,
        kubernetes=wish.kubernetes,
    )


def _write_programs(layout: Layout, programs: Mapping[str, tuple[str, ...]], pid: int) -> None:
    """Fill the two folders for PATH: one for inside the bed, one whose programs enter it first."""
    layout.programs.mkdir()
    for client in _CLIENTS:
        (layout.programs / client).symlink_to(programs[client][0])
    layout.shims.mkdir()
    here = Path(sys.executable).parent
    search = f"PATH={shlex.quote(f'{layout.programs}:{here}')}:$PATH"
    targets = {client: str(layout.programs / client) for client in _CLIENTS}
    targets |= {name: found for name in _OTHERS if (found := shutil.which(name, path=f"{here}:{os.defpath}"))}
    for name, target in targets.items():
        shim = layout.shims / name
        shim.write_text(f'#!/bin/sh\n{search} exec {shlex.join([*entering(pid), target])} "$@"\n')
        shim.chmod(0o755)
