"""`make test-product` gives a copy of the checkout other words, in all of its templates, and changes nothing else."""

import re
from pathlib import Path

import pytest

from tests.processes import ROOT
from tests.reword import reword

TEMPLATES = sorted((ROOT / "src").rglob("templates/**/*.*"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_gets_other_words_and_no_other_code(path: Path) -> None:
    template = path.read_text()
    assert reword(reword(template)) == template
    code = re.compile(r"<\w+|(?:class|name|action|href)=[^ >]*|\{%-? *\w+|url_for\([^)]*\)")
    assert code.findall(reword(template)) == code.findall(template)
    for word in ("Log in", "Sign up", "your email", "Hello", "Your", "Please"):
        assert word not in re.sub(r"\{#.*?#\}", "", reword(template), flags=re.DOTALL)
