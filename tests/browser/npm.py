"""The npm packages that measure pages, as the lock file pins them."""

from pathlib import Path

from tests.processes import miss

FOLDER = Path(__file__).parent / "node_modules"


def find_package(path: str) -> Path:
    """Return the path of a file of a package; without it the test is skipped, or fails where CI=true."""
    file = FOLDER / path
    return file if file.exists() else miss(f"{path} is missing. This installs it, with npm: make test-browser")
