"""python -m perceiver_cli is the perceiver command."""

from perceiver_cli.cli import main

if __name__ == "__main__":
    main()
