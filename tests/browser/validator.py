"""The Nu HTML checker, which looks at many pages with one Java process."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.browser.npm import find_package
from tests.processes import HOST, find_program, free_port, start


@dataclass
class Validator:
    """A running checker."""

    url: str

    def find_errors(self, document: bytes, kind: str = "text/html") -> list[str]:
        """Return what is wrong in a page or a style sheet."""
        request = urllib.request.Request(self.url, document, {"Content-Type": f"{kind}; charset=utf-8"})  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            messages = json.load(answer)["messages"]
        return [f"{each.get('lastLine')}: {each['message']}" for each in messages if each["type"] != "info"]


@contextmanager
def run_validator(folder: Path) -> Iterator[Validator]:
    """Run the checker on a port of its own."""
    jar, port = str(find_package("vnu-jar/build/dist/vnu.jar")), free_port()
    main = ["-cp", jar, f"-Dnu.validator.servlet.bind-address={HOST}", "nu.validator.servlet.Main", str(port)]
    process = start("validator", [find_program("java"), *main], folder, {})
    try:
        process.wait_for_port(port, 60)
        yield Validator(f"http://{HOST}:{port}/?out=json")
    finally:
        process.stop()
