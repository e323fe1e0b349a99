"""`python -m orlop`: the command line."""

from orlop.cli import main

if __name__ == "__main__":
    main()
