"""What surrounds the code: CI, Dependabot, the page for contributors, and the commands that these files name."""

import re
import subprocess
from typing import Any

import yaml

from tests.processes import ROOT

GITHUB = ROOT / ".github"
COMMAND = re.compile(r"(?:^ *|`)make ([a-z-]+)", re.MULTILINE)


def load(name: str) -> dict[str, Any]:
    """Return what a YAML file under .github/ says. YAML takes the key `on` for a truth value."""
    return {"on" if key is True else key: value for key, value in yaml.safe_load((GITHUB / name).read_text()).items()}


def find_steps(name: str) -> list[dict[str, Any]]:
    """Return all steps of a workflow, with each value of its matrix filled in."""
    steps = []
    for job in load(f"workflows/{name}")["jobs"].values():
        matrix = job.get("strategy", {}).get("matrix", {"target": [""]})
        for target in matrix["target"] + [more["target"] for more in matrix.get("include", [])]:
            for step in job["steps"]:
                steps.append({**step, "run": step.get("run", "").replace("${{ matrix.target }}", target)})
    return steps


def find_targets(text: str) -> set[str]:
    """Return the targets that a text tells make to run."""
    return set(COMMAND.findall(text))


def print_plan(target: str) -> str:
    """Return the commands that make would run."""
    return subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def test_the_workflow_runs_the_parts_of_ci_run_what_takes_too_long_for_it_and_the_fast_tests_again() -> None:
    commands = "\n".join(step["run"] for step in find_steps("ci.yml"))
    more = {"test-fast", "test-pages", "test-compose", "test-operations"}
    assert find_targets(commands) == find_targets((ROOT / ".ci/run").read_text()) | more
    pythons = re.findall(r'python: \[?"(.+?)"', (GITHUB / "workflows/ci.yml").read_text())
    assert f">={pythons[0]}" in (ROOT / "pyproject.toml").read_text()
    assert f"FROM python:{pythons[1]}-slim" in (ROOT / "Dockerfile").read_text()
    assert {"push", "pull_request"} <= load("workflows/ci.yml")["on"].keys()


def test_each_week_a_workflow_audits_the_packages_and_keeps_their_list() -> None:
    steps = find_steps("audit.yml")
    assert find_targets("\n".join(step["run"] for step in steps)) == {"audit", "sbom"}
    [schedule] = load("workflows/audit.yml")["on"]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", schedule["cron"])
    assert "sbom.json" in [step.get("with", {}).get("path") for step in steps]


def test_actions_have_a_major_version_and_can_only_read() -> None:
    for path in (GITHUB / "workflows").glob("*.yml"):
        used = [step["uses"] for step in find_steps(path.name) if "uses" in step]
        assert used, path
        assert [action for action in used if not re.fullmatch(r"actions/[a-z-]+@v\d+", action)] == []
        assert load(f"workflows/{path.name}")["permissions"] == {"contents": "read"}


def test_dependabot_reads_folders_that_have_something_to_upgrade() -> None:
    updates = {update["package-ecosystem"]: update["directory"] for update in load("dependabot.yml")["updates"]}
    files = {"pip": "*.txt", "docker": "Dockerfile", "docker-compose": "compose.yaml"}
    files["github-actions"] = ".github/workflows/*.yml"
    assert updates.keys() == files.keys()
    assert [name for name in files if not any((ROOT / updates[name].strip("/")).glob(files[name]))] == []


def test_every_make_command_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *GITHUB.rglob("*.md")):
        code = re.findall(r"`make .+?`|^    make .+", page.read_text(), re.MULTILINE)
        assert find_targets("\n".join(code)) <= targets, page


def test_the_readme_is_short_and_lists_its_sections_and_every_page_of_the_docs() -> None:
    readme = (ROOT / "README.md").read_text()
    assert len(readme.splitlines()) < 200
    sections = re.findall(r"^## (.+)$", readme, re.MULTILINE)
    assert re.findall(r"^- \[(.+)\]\(#", readme, re.MULTILINE) == sections
    for page in (ROOT / "docs").glob("*.md"):
        assert f"](docs/{page.name})" in readme
        assert page.read_text().split("\n", 2)[2].startswith("This page is for "), page


def test_a_contributor_finds_short_instructions_and_templates() -> None:
    assert len((ROOT / "CONTRIBUTING.md").read_text().splitlines()) < 60
    for name in ("bug", "idea"):
        template = (GITHUB / "ISSUE_TEMPLATE" / f"{name}.md").read_text()
        assert {"name", "about"} == yaml.safe_load(template.split("---\n")[1]).keys()
    assert find_targets((GITHUB / "pull_request_template.md").read_text()) == {"check", "test-fast"}


def test_only_make_upgrade_changes_versions_that_are_pinned() -> None:
    assert "uv pip compile" in print_plan("requirements")
    assert "--upgrade" not in print_plan("requirements")
    assert "--upgrade" in print_plan("upgrade")
