"""`flask check --deploy` in a container: the image that it was built on does not get old unnoticed."""

import os
import sys
import time
from pathlib import Path

import pytest
from flask import Flask


@pytest.mark.parametrize(("days", "is_said"), [(59, False), (61, True)])
def test_a_base_image_of_more_than_two_months_is_a_warning(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, is_said: bool
) -> None:
    image = tmp_path / "base-image"
    image.touch()
    os.utime(image, (0, time.time() - days * 86400))
    monkeypatch.setattr(sys.modules["flaskcelery.cli.check"], "BASE_IMAGE", image)
    with app.app_context():
        output = app.test_cli_runner().invoke(args=["check", "--deploy"]).output
    assert (f"the base image is {days} days old: docker compose build --pull" in output) is is_said
