"""The application with a job that takes very long, for the processes that test_jobs.py starts."""

import os
import time
from pathlib import Path

from flask import current_app

from flaskcelery.app import create_app
from flaskcelery.outbox.tasks import task


@task("sleep_long", queue="jobs", time_limit=int(os.environ["JOB_LIMIT"]))
def sleep_long() -> None:
    """Note which process started this one, then sleep."""
    with (Path(current_app.instance_path) / "parents").open("a") as file:
        file.write(f"{os.getppid()}\n")
    time.sleep(60)


flask_app = create_app()
app = flask_app.extensions["celery"]
