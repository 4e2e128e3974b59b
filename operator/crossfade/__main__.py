"""`python -m crossfade`."""

from crossfade.cli import main

if __name__ == "__main__":
    main()
