"""What an operator changes while visitors are there: the secret key, and the release."""

import secrets
import signal
from http.client import HTTPException

from tests.faults.load import address, repeating
from tests.faults.scenarios import LONG_MAIL_TIMEOUT, Environment, Fault, scenario
from tests.integration.visitor import LOG_IN, SIGN_UP
from tests.pages import is_logged_in
from tests.processes import Process, wait_until

NEXT_HOST = "127.0.0.2"  # where the next release's web processes listen, on the same ports
OLD_TASK, NEW_TASK = "send_welcome_email", "welcome"  # the second is known to the next release only: see hooks


# Whoever comes while uWSGI loads the application waits for it.
@scenario(refuses=True, slowest=8, p99=8, settings=LONG_MAIL_TIMEOUT)
def secret_key_changed(environment: Environment) -> Fault:
    """The key changes under load: sessions and open forms live on until the earlier key is dropped."""
    stack, email = environment.stack, environment.load.log[0].email
    old, new = (stack.instance / "secret_key").read_text(), secrets.token_hex(32)
    active, absent, form, late_form = (stack.visitor() for _ in range(4))
    for visitor in (active, absent):
        assert visitor.log_in(email).status == 302
    for visitor in (form, late_form):
        visitor.get(SIGN_UP)
    with environment.load.flowing():
        stack.replace_web(SECRET_KEY=new, SECRET_KEY_FALLBACKS=old)
    assert active.is_logged_in(), "a session has ended with the key"
    name = environment.load.names(1)[0]
    assert form.sign_up(name, address(name)).status == 302, "an open form was refused"
    yield
    with environment.load.flowing():
        stack.replace_web(SECRET_KEY=new)
    assert active.is_logged_in(), "a session in use has kept the earlier key"
    gone, answer = absent.get("/"), late_form.sign_up("nobody")
    assert (gone.status, answer.status, "This form has expired" in answer.text) == (200, 400, True)
    return "" if is_logged_in(gone.text) else "without the earlier key its cookie opens nothing"


@scenario(settings=LONG_MAIL_TIMEOUT)
def release_rolled_over(environment: Environment) -> Fault:
    """The next release takes over from web, worker and relay under load, between two changes of the schema."""
    stack, pages = environment.stack, list[int]()
    with environment.load.flowing(), repeating(lambda: pages.append(look(environment))):
        change_schema(environment, "before")
        stack.settings["RELEASE"] = "next"
        worker = stack.succeed("worker0", lambda: stack.run_worker("worker_next"))
        stack.process("worker0").wait_for_text(f"({OLD_TASK}): sent")
        switch_web(environment)
        worker.wait_for_text(f"unregistered task of type '{NEW_TASK}'")
        stop(worker)
        stop(stack.succeed("relay0", lambda: stack.run_relay("relay_next")))
        change_schema(environment, "after")
    yield
    failed, pending = len(pages) - pages.count(200), stack.count(f"outbox WHERE task = '{NEW_TASK}'")
    assert not failed, f"{failed} of {len(pages)} looks at the pages failed"
    unknown = worker.log.read_text().count("unregistered task of type")
    return f"{len(pages)} looks at 3 pages, {pending} rows of the new name, {unknown} messages unknown to the old"


def switch_web(environment: Environment) -> None:
    """Start a second uWSGI, let nginx turn to it, and stop the first when no request can be on its way there."""
    stack, nginx = environment.stack, environment.stack.nginx
    stack.web_host = NEXT_HOST
    old, workers = stack.succeed("web", stack.start_uwsgi), set(nginx.children())
    (stack.folder / "web.d").mkdir()
    (stack.folder / "web.d" / "next.conf").write_text(f"set $web {NEXT_HOST};\n")
    nginx.popen.send_signal(signal.SIGHUP)
    wait_until(lambda: not workers & set(nginx.children()), 20, "the old processes of nginx have gone")
    stop(old)


def stop(process: Process) -> None:
    """Ask a process to stop and wait until it has."""
    process.popen.terminate()
    process.popen.wait(30)


def change_schema(environment: Environment, when: str) -> None:
    """Add a column that may be empty, as a migration would."""
    with environment.stack.engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE users ADD COLUMN added_{when} VARCHAR(10)")


def look(environment: Environment) -> int:
    """Return the highest status of three pages, 0 when an answer did not come."""
    try:
        return max(environment.stack.visitor().get(path).status for path in ("/", LOG_IN, "/static/site.css"))
    except (OSError, HTTPException):
        return 0
