"""`crossfade verify`: the init container that looks at a mounted image before a server does, and changes nothing."""

import asyncio
import signal
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from crossfade.cli.last_words import ended
from crossfade.cli.load import EXIT_DIGEST_MISMATCH, EXIT_FAILED, digest_argument

_HELP = "Verify the digest of a model in an image that is mounted where it is served."
_STATUSES = "Exit status: 0 verified, 3 other files than promised, 1 anything else, such as files that may not be read."


def verify(arguments: Sequence[str]) -> int:
    """Verify the digest of the model in a mounted image; `arguments` are those after the command's name.

    Returns the exit status, as `--help` tells it. Raises SystemExit(2), with a sentence, for arguments that are none.
    """
    asked = _parser().parse_args(arguments)
    try:
        status, sentence = asyncio.run(_verify(asked.uri, asked.digest, asked.image))
    except asyncio.CancelledError:
        return 128 + signal.SIGTERM
    return ended("verify", status, sentence)


def _parser() -> ArgumentParser:
    parser = ArgumentParser("crossfade verify", description=_HELP, epilog=_STATUSES, allow_abbrev=False)
    parser.add_argument("--uri", help="What is mounted, as `status.resolved.immutableUri` says.", required=True)
    told = "The mvd1 digest that the files must have, as sha256:<64 hex digits>."
    parser.add_argument("--digest", help=told, type=digest_argument, required=True)
    parser.add_argument("--image", help="Where it is mounted: all of it, the model's folder.", type=Path, required=True)
    return parser


async def _verify(uri: str, digest: str, image: Path) -> tuple[int, str]:
    """Exit status and the sentence that says why. What lies there is all that there will ever be."""
    from crossfade.adapters.artifacts.mounted import MountedImage
    from crossfade.observe.verify import measure
    from crossfade.ports import SourceError

    task = asyncio.current_task()
    if task is not None:  # as a container's first process we would outlive SIGTERM
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    print(f"crossfade verify: reads the image that is mounted at {image}", flush=True)
    try:
        found = await measure(MountedImage(image), uri)
    except SourceError as failure:
        return EXIT_FAILED if failure.retry else EXIT_DIGEST_MISMATCH, str(failure)
    what = f"{found.files} files with {found.size_bytes} bytes of {uri}, mounted at {image}"
    if found.digest != digest:
        return EXIT_DIGEST_MISMATCH, f"{what}, have the digest {found.digest}, but {digest} was promised"
    return 0, f"{what}, are verified as {digest}"
