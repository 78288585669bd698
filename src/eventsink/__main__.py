"""The command `eventsink`, also as `python -m eventsink`."""

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line of this process; Ctrl-C ends it quietly, also while it still starts."""
    try:
        from eventsink.cli import main as run  # noqa: PLC0415 - Ctrl-C may come while this is imported

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
