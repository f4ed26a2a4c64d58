# SPDX-License-Identifier: Apache-2.0
"""What was proven of the strategies before anything was timed.

The files come from long campaigns that are not repeated with every run: linearizability of recorded histories, the
mutation matrix of the verification kit, memory counted at the allocator, whom slow code holds up, what the harness
costs each contestant. A run copies them into its run.json, so that
the paper shows what belongs to the revision that was measured.
"""

import json
import pathlib
from typing import Any

from experiments.orchestrator.errors import UserError

# Key in run.json -> file in the source tree and among the runfiles.
FILES = {
    "linearizability": "maps/verification/figures.json",
    "mutants": "maps/mutants/matrix.json",
    "memory": "maps/memory/figures.json",
    "harness_price": "experiments/harness_price.json",
    "blocking": "maps/blocking/figures.json",
}


def read(root: pathlib.Path) -> dict[str, Any]:
    """The contents of the files that exist under `root`, by key. Raises UserError when one is not JSON."""
    found = {}
    for key, name in FILES.items():
        try:
            found[key] = json.loads((root / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as error:
            raise UserError(f"{name} cannot be read ({error}); restore it from the repository, or make it anew as "
                            f"{pathlib.PurePath(name).parent}/README.md says.") from None
    return found
