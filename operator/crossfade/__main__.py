"""`crossfade`, and `python -m crossfade`."""

import sys


def main() -> None:
    """Run the command line of this process. The loader, which starts in every pod of every model, is not kept waiting
    by what the other commands need, nor is what verifies in its place."""
    if sys.argv[1:2] == ["load"]:
        from crossfade.cli.load import load

        sys.exit(load(sys.argv[2:]))
    if sys.argv[1:2] == ["verify"]:
        from crossfade.cli.verify import verify

        sys.exit(verify(sys.argv[2:]))
    from crossfade.cli.commands import app

    app(prog_name="crossfade")


if __name__ == "__main__":
    main()
