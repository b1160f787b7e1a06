"""`python -m echojax` is the command line."""

import sys

from echojax.cli import main

if __name__ == "__main__":
    sys.exit(main())
