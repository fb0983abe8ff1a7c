"""What compose.yaml says of the application, read as text; tests/compose runs it."""

import re
from pathlib import Path

from flaskcelery.config.checks import load_config
from flaskcelery.config.settings import SETTINGS
from flaskcelery.outbox.heartbeat import STOP_GRACE
from tests.processes import ROOT


def test_compose_passes_every_setting_and_secrets_as_files() -> None:
    text = (ROOT / "compose.yaml").read_text()
    block = text[text.index("    APP_ENV:") : text.index("    PAGES_SOCKET:")]
    names = set(re.findall(r"^    ([A-Z0-9_]+):", block, re.MULTILINE))
    assert names == {f"{setting.name}_FILE" if setting.secret else setting.name for setting in SETTINGS}


def test_a_stop_is_given_more_time_than_the_longest_task(tmp_path: Path) -> None:
    graces = re.findall(r"stop_grace_period: \$\{STOP_GRACE:-(\d+)s\}", (ROOT / "compose.yaml").read_text())
    config, _ = load_config({"INSTANCE_PATH": str(tmp_path)})
    assert len(graces) == 2
    assert min(map(int, graces)) > config["TASK_TIME_LIMIT"] + STOP_GRACE


def test_only_nginx_publishes_a_port() -> None:
    text = (ROOT / "compose.yaml").read_text()
    [ports] = re.finditer(r"^    ports:", text, re.MULTILINE)
    assert re.findall(r"^  (\w+):$", text[: ports.start()], re.MULTILINE)[-1] == "nginx"
