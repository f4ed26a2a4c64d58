# SPDX-License-Identifier: Apache-2.0
"""Command lines that refuse in one sentence, and take no empty value for a name."""

import argparse
import sys
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence on standard error; the exit code is 2."""

    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message}; see --help.", file=sys.stderr)
        sys.exit(2)


def named(text: str) -> str:
    """A name, a path or a list of fields: something, which an unset variable of the shell is not. For `type=`."""
    if not text.strip():
        raise argparse.ArgumentTypeError("what is given is empty; give a name, or leave it out")
    return text
