"""`crossfade load`: the init container that puts verified bytes before a model server, or lets it never start."""

import asyncio
import os
import re
import signal
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crossfade.cli.access import WayIn
from crossfade.cli.last_words import ended
from crossfade.model.access import ACCESS_FOLDER
from crossfade.model.networks import Networks, networks

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from crossfade.cli.telling import Teller
    from crossfade.observe.progress import Progress
    from crossfade.observe.verify import Measured
    from crossfade.ports import Sources


class Verdict(StrEnum):
    """As `status.resolved.serialization.pickle` has it, the worst last."""

    NONE = "None"
    KNOWN = "Known"
    UNREADABLE = "Unreadable"
    UNSAFE = "Unsafe"


EXIT_FAILED = 1
EXIT_DIGEST_MISMATCH = 3
EXIT_SOURCE_UNREACHABLE = 4
_TRY_SECONDS = 60.0
_FIRST_WAIT_SECONDS = 1.0
_HELP = "Load a model's files and verify their digest."
_STATUSES = (
    "Exit status: 0 loaded and verified, 3 other bytes than promised or pickles that may run more than promised, "
    "4 source of which a minute of tries brought nothing, 1 anything else, such as a full disk."
)


def load(arguments: Sequence[str]) -> int:
    """Load a model's files and verify their digest; `arguments` are those after the command's name.

    Returns the exit status, as `--help` tells it. Raises SystemExit(2), with a sentence, for arguments that are none.
    """
    asked = _parser().parse_args(arguments)
    try:
        sources = _sources(
            asked.mlflow_address, asked.hugging_face_address, asked.file_root, asked.allowed_networks, asked.volume
        )
        way_in = WayIn(asked.access, asked.access_folder)
        status, sentence = asyncio.run(_load(asked.uri, asked.digest, asked.to, sources, way_in, asked.pickle))
    except asyncio.CancelledError:
        return 128 + signal.SIGTERM
    return ended("load", status, sentence)


def _parser() -> ArgumentParser:
    """By the standard library, which needs a twentieth of the time of what reads the other commands' arguments."""
    parser = ArgumentParser("crossfade load", description=_HELP, epilog=_STATUSES, allow_abbrev=False)

    def add(name: str, told: str, kind: Callable[[str], object] = str, env: str | None = None, **more: Any) -> None:
        if env is not None:
            told, more["default"] = f"{told} [env: {env}]", os.environ.get(env) or more.get("default")
        parser.add_argument(name, help=told, type=kind, **more)

    add("--uri", "Where the bytes are, as `status.resolved.immutableUri` says.", required=True)
    add("--digest", "The mvd1 digest that they must have, as sha256:<64 hex digits>.", digest_argument, required=True)
    add("--to", "The folder that gets the files; empty, absent, or loaded before.", Path, required=True)
    add("--hugging-face-address", "The Hugging Face Hub for hf://.", env="CROSSFADE_HUGGING_FACE_ADDRESS")
    add("--mlflow-address", "The MLflow server for mlflow-artifacts:/.", env="CROSSFADE_MLFLOW_ADDRESS")
    add("--file-root", "The folder that file:// addresses may lead to.", Path, env="CROSSFADE_FILE_ROOT")
    allowed = "Networks that are not public, to which addresses may lead."
    add("--allowed-networks", allowed, _networks, env="CROSSFADE_ALLOWED_NETWORKS", default="")
    add("--access", "The ModelRegistry, as JSON; without it the operator's own servers.")
    folder = "The folder with its credentials and its certificate authority, if it has any."
    add("--access-folder", folder, Path, default=Path(ACCESS_FOLDER))
    add("--volume", "The folder at which the claim of pvc:// is mounted.", Path)
    pickle = "What pickles were found to import; a model with worse ones is refused."
    add("--pickle", pickle, choices=[found.value for found in Verdict], default=Verdict.UNSAFE.value)
    return parser


def digest_argument(told: str) -> str:
    """The mvd1 digest that an argument is. Raises ArgumentTypeError."""
    if not re.fullmatch(r"sha256:[a-f0-9]{64}", told):
        raise ArgumentTypeError("must be sha256: and 64 hex digits")
    return told


def _networks(told: str) -> Networks:
    try:
        return networks(told)
    except ValueError as wrong:
        raise ArgumentTypeError(str(wrong)) from None


def _sources(
    mlflow_address: str | None,
    hugging_face_address: str | None,
    file_root: Path | None,
    allowed: Networks,
    volume: Path | None = None,
) -> "Sources":
    from crossfade.adapters.sources import OpenSources, own_registries

    return OpenSources(own_registries(mlflow_address, hugging_face_address), file_root, allowed=allowed, volume=volume)


async def _load(
    uri: str, digest: str, to: Path, sources: "Sources", way_in: WayIn, pickle: str = Verdict.UNSAFE
) -> tuple[int, str]:
    """Exit status and the sentence that says why."""
    from crossfade.cli.telling import telling
    from crossfade.observe.progress import Progress

    _end_on_sigterm()
    progress = Progress()

    async def load_once() -> "Measured":
        from crossfade.observe.verify import fetch

        async with sources.open(way_in.read()) as opened:
            found = await fetch(opened.artifacts, uri, digest, to, progress)
        if pickle in (Verdict.NONE, Verdict.KNOWN):
            from crossfade.observe.promised import require

            await asyncio.to_thread(require, to, pickle, uri)
        return found

    async with telling(progress, to, digest) as teller:
        status, sentence = await _tried(load_once, to, progress, teller)
        if status:
            teller.failed(sentence)
        return status, sentence


async def _tried(
    load_once: Callable[[], "Awaitable[Measured]"], to: Path, progress: "Progress", teller: "Teller"
) -> tuple[int, str]:
    """Until it ends well, or for a minute in which nothing came. What came stays, so that the next goes on with it."""
    from crossfade.observe.verify import DigestMismatch
    from crossfade.ports import SourceError

    give_up, wait, most = time.monotonic() + _TRY_SECONDS, _FIRST_WAIT_SECONDS, 0
    while True:
        teller.goes_on()
        try:
            found = await load_once()
        except DigestMismatch as failure:
            return EXIT_DIGEST_MISMATCH, str(failure)
        except SourceError as failure:
            if progress.most > most:
                give_up, wait, most = time.monotonic() + _TRY_SECONDS, _FIRST_WAIT_SECONDS, progress.most
            pause = max(wait, failure.wait)
            if not failure.retry or time.monotonic() + pause > give_up:
                return EXIT_SOURCE_UNREACHABLE, str(failure)
            teller.waits(str(failure), pause)
        except OSError as failure:
            return EXIT_FAILED, f"the folder {to} cannot be written: {failure.strerror or failure}"
        else:
            return 0, f"{found.files} files with {found.size_bytes} bytes verified as {found.digest} in {to}"
        await asyncio.sleep(pause)
        wait *= 2


def _end_on_sigterm() -> None:
    """As a container's first process we would outlive SIGTERM."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
