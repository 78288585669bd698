"""`python -m eventsink`, the same as the command `eventsink`."""

from eventsink.cli import main

if __name__ == "__main__":
    main()
