# SPDX-License-Identifier: Apache-2.0
"""`python3 -m report RUN`."""

import sys

from report.main import main

sys.exit(main())
