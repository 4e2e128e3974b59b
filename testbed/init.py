"""The first process of a bed: it makes the network, starts every server, and ends with all of them.

    python -m testbed.init FOLDER LINE

FOLDER is the bed's folder, LINE the number of the file descriptor of its end of the leash (see testbed.leash). It
runs as process 1 of a PID namespace of its own, so the kernel ends everything in the bed when it ends.
"""

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

from testbed import network
from testbed.control import serve_orders
from testbed.daemons import control_plane
from testbed.errors import TestbedError
from testbed.layout import Layout, Plan
from testbed.leash import BedEnd
from testbed.node import ground
from testbed.supervisor import Supervisor


def _start_control_plane(layout: Layout, plan: Plan, supervisor: Supervisor) -> None:
    network.create()
    network.name_hosts(layout.hosts)
    if plan.packages is not None:
        ground.prepare(layout)
    supervisor.start(control_plane.etcd(plan, layout))
    control_plane.write_credentials(layout)
    supervisor.start(control_plane.api_server(plan, layout))


async def _bring_up(layout: Layout, leash: BedEnd, supervisor: Supervisor) -> None:
    plan = Plan.read(layout.plan)
    _start_control_plane(layout, plan, supervisor)
    from testbed.bring_up import BringUp  # half a second, in which the API server starts

    await BringUp(layout, plan, leash, supervisor).run()


async def _live(layout: Layout, leash: BedEnd) -> None:
    """Bring the bed up, then serve orders until the end."""
    supervisor = Supervisor(layout.logs)
    start = asyncio.create_task(_bring_up(layout, leash, supervisor))
    await asyncio.wait({start, supervisor.failed}, return_when=asyncio.FIRST_COMPLETED)
    if supervisor.failed.done():
        supervisor.failed.result()
    start.result()
    supervisor.settle()
    async with await serve_orders(layout.control, supervisor) as orders:
        leash.ready()
        await orders.serve_forever()


def _sentence(failure: BaseException) -> str:
    while isinstance(failure, BaseExceptionGroup):
        failure = failure.exceptions[0]
    return str(failure) if isinstance(failure, TestbedError) else f"{type(failure).__name__}: {failure}"


def main(arguments: list[str]) -> None:
    """Live until the leash breaks or a signal ends it."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))  # the default does nothing for process 1
    leash = BedEnd(socket.socket(fileno=int(arguments[1])))
    try:
        asyncio.run(_live(Layout(Path(arguments[0])), leash))
    except* Exception as failure:
        leash.failed(_sentence(failure))
        raise


if __name__ == "__main__":
    main(sys.argv[1:])
