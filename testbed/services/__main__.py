"""`python -m testbed.services`: serve every ClusterIP of the cluster. Needs the bed's network."""

import argparse
import asyncio
import signal
from pathlib import Path

from testbed.kubelet.api import Api
from testbed.services.proxy import ServiceProxy


async def _main(kubeconfig: Path) -> None:
    api = Api(kubeconfig)
    work = asyncio.create_task(ServiceProxy(api).run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, work.cancel)
    await asyncio.wait((work,))
    await api.close()
    if not work.cancelled():
        work.result()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="testbed.services", description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True, help="who it is to the API server")
    asyncio.run(_main(parser.parse_args().kubeconfig))
