# SPDX-FileCopyrightText: The flwrcpp authors
# SPDX-License-Identifier: Apache-2.0
"""Runs pytest in the environment that the suite makes for itself; arguments go to pytest. CTest calls this."""

import os
import sys

from support.releases import LATEST
from support.venvs import INTEROP, ensure_venv


def main() -> None:
    pytest = ensure_venv(LATEST, torch=True) / "bin" / "pytest"
    os.execv(pytest, [str(pytest), *(sys.argv[1:] or [str(INTEROP)])])


if __name__ == "__main__":
    main()
