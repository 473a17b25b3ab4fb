"""`python -m wstune` is the same as `wstune`."""

from wstune.cli.main import main

if __name__ == "__main__":
    main()
