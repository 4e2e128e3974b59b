"""Everything the demo runs, fetched or built side by side, in a process of its own so that it can be interrupted:
`python -m demo.fetch` prints a line for each thing that happens."""

import sys
from concurrent.futures import ThreadPoolExecutor

from testbed.binaries import TOOLS, locate
from testbed.binaries.environments import existing_env, python_env
from testbed.errors import TestbedError
from testbed.progress import silent

ENVIRONMENTS = ("mlflow", "mlserver")


def is_complete() -> bool:
    """Whether all of it is in the cache already."""
    try:
        for tool in TOOLS:
            locate(tool, silent, sources=tuple)
    except TestbedError:
        return False
    return all(existing_env(name) for name in ENVIRONMENTS)


def main() -> int:
    """Entry point; 1 when something is not to be had."""
    with ThreadPoolExecutor() as pool:
        tools = [pool.submit(locate, tool, _tell) for tool in TOOLS]
        environments = [pool.submit(python_env, name, _tell) for name in ENVIRONMENTS]
    failures = [error for job in tools if (error := job.exception())]
    failures += [error for job in environments if (error := job.exception())]
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
