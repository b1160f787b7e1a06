"""Run echojax from a checkout that is not installed: `python cli.py --help`."""

import sys

from echojax.cli import main

sys.exit(main())
