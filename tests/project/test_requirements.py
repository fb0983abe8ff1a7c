"""What is installed: every package pinned and hashed, the same in each file, for every supported Python."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

FOLDER = Path(__file__).parents[2] / "requirements"
FILES = ("runtime", "production", "otel", "development")


def read(name: str) -> dict[str, str]:
    """Return the pinned versions of a file by package; each must have a hash."""
    text = (FOLDER / f"{name}.txt").read_text().replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
    pins = {}
    for line in lines:
        found = re.match(r"([a-z0-9._-]+)==(\S+) (?:; (.+?)  )?", line)
        assert found, f"not pinned: {line[:60]}"
        assert "--hash=sha256:" in line, f"no hash: {line[:60]}"
        if found[1] not in pins or Marker(found[3]).evaluate():  # another version for each Python
            pins[found[1]] = found[2]
    return pins


@pytest.mark.requirement(51)
@pytest.mark.defect("D13")
@pytest.mark.parametrize("name", [*FILES, "django"])
def test_every_package_is_pinned_with_hashes_and_says_nothing_of_where_it_comes_from(name: str) -> None:
    assert read(name)
    assert not re.search(r"https?://|--index-url|--extra-index-url|--find-links", (FOLDER / f"{name}.txt").read_text())


@pytest.mark.defect("D13")
def test_what_redis_needs_is_pinned_and_can_be_imported() -> None:
    import kombu.transport.redis

    assert {"packaging", "redis", "kombu", "celery", "async-timeout"} <= read("runtime").keys()
    assert kombu.transport.redis.Channel


def test_the_files_agree_with_each_other_and_with_what_is_installed() -> None:
    runtime, production, otel, development = (read(name) for name in FILES)
    assert runtime.items() <= production.items() <= otel.items() <= development.items()
    installed = {re.sub(r"[._]", "-", d.name.lower()): d.version for d in metadata.distributions()}
    assert {name: v for name, v in development.items() if installed.get(name, v) != v} == {}


def test_what_pyproject_names_is_what_was_pinned() -> None:
    tables = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text())
    groups, project = tables["dependency-groups"], tables["project"]
    runtime, extras = [*project["dependencies"], *groups["build"]], project["optional-dependencies"]
    named = {"runtime": runtime, "production": runtime + extras["production"]}
    named["otel"] = named["production"] + extras["otel"]
    named["development"] = named["otel"] + [one for one in groups["development"] if isinstance(one, str)]
    for name, texts in [*named.items(), *((name, groups[name]) for name in ("django", "sbom", "scan"))]:
        pins, wanted = read(name), {one.name: one for one in map(Requirement, texts)}
        assert {package for package, one in wanted.items() if pins[package] not in one.specifier} == set(), name
        blocks = re.split(r"\n(?=\S)", (FOLDER / f"{name}.txt").read_text())
        direct = {block.partition("==")[0] for block in blocks if "flaskcelery (pyproject.toml" in block}
        assert direct == wanted.keys(), f"{name}.txt: make requirements"


def test_the_build_backend_is_pinned_to_the_same_version() -> None:
    project = (FOLDER.parent / "pyproject.toml").read_text()
    assert f'requires = ["hatchling =={read("runtime")["hatchling"]}"]' in project
