"""Run echojax from a checkout that is not installed: `python cli.py --help`."""

import sys

from echojax.cli import main

if __name__ == "__main__":  # workers of `simulate` import this file
    sys.exit(main())
