"""``python -m orchestrator`` is ``stack``."""

import sys

from orchestrator.cli.main import main

sys.exit(main())
