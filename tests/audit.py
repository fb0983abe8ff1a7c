"""`make audit`: asks pip-audit whether a pinned package has a known vulnerability, and says so if nobody could tell.

pip-audit itself takes a package that its database does not know for a good one. Exit codes: 0 means that every package
was looked up and none is vulnerable, 1 that one is vulnerable, 2 that not every package could be looked up.
"""

import json
import subprocess
import sys
from typing import Any

from tests.processes import ROOT

COMMAND = ".venv-scan/bin/pip-audit --disable-pip --require-hashes --progress-spinner off --format json --requirement"
PINNED = "requirements/development.txt"  # all that production.txt holds, too


def judge(output: str, errors: str) -> tuple[int, list[str]]:
    """Return the exit code and the lines to print for what pip-audit has printed."""
    try:
        packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return 2, [f"NOT AUDITED: pip-audit could not reach its database: {errors.strip()[-300:] or 'no answer'}"]
    lines = [
        f"{package['name']} {package['version']}: {found['id']}, fixed in {', '.join(found['fix_versions']) or 'none'}"
        for package in packages
        for found in package.get("vulns", ())
    ]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if unknown or not packages:
        lines.append(f"NOT AUDITED: the database does not know {len(unknown)} of {len(packages)} packages.")
        lines.append("Is it reachable from here, or only a mirror of the package index?")
        return 2, lines
    return (1 if lines else 0), lines or [f"{len(packages)} packages, no known vulnerability"]


def main() -> int:
    """Run pip-audit; return the exit code."""
    done = subprocess.run([*COMMAND.split(), PINNED], cwd=ROOT, check=False, capture_output=True, text=True)
    code, lines = judge(done.stdout, done.stderr)
    print("\n".join(lines))
    return code


if __name__ == "__main__":
    sys.exit(main())
