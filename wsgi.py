"""The WSGI entry point: uWSGI serves `app`, and the `flask` command finds it by this file's name."""

from flaskcelery.app import create_app

app = create_app()
