"""`python -m provisioner` runs the command line."""

import sys

from provisioner.cli.main import main

sys.exit(main())
