"""A visitor: one browser's worth of HTTP with its own cookies, and no more cleverness than that."""

import re
import time
from contextlib import closing
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection
from http.cookies import SimpleCookie
from urllib.parse import urlencode

from tests.pages import find_csrf_token, is_logged_in
from tests.processes import HOST

PASSWORD = "correct horse battery"
SIGN_UP = "/accounts/signup/"
LOG_IN = "/accounts/login/"
MIN_SECRET = 12  # characters
SECRETS: set[str] = set()  # passwords, cookies and tokens that visitors have used: no log and no table may hold one


@dataclass(frozen=True)
class Answer:
    """What the server answered, and after how many seconds."""

    status: int
    text: str
    headers: Message
    seconds: float


def note_secrets(*texts: str) -> None:
    """Keep what is long enough to be found by nothing but a leak."""
    SECRETS.update(text for text in texts if len(text) >= MIN_SECRET)


class Visitor:
    """Fetches pages and sends forms; each form goes with the CSRF token of the page that was fetched last."""

    def __init__(self, port: int, cookies: dict[str, str] | None = None) -> None:
        self.port, self.cookies, self.token = port, dict(cookies or {}), ""
        self.headers: dict[str, str] = {}  # of every request
        self.source = HOST  # where this visitor comes from: any 127.x.y.z

    def get(self, path: str, **headers: str) -> Answer:
        """Fetch a page and remember its CSRF token."""
        answer = self._ask("GET", path, None, headers)
        self.token = find_csrf_token(answer.text) or self.token
        return answer

    def post(self, path: str, **fields: str) -> Answer:
        """Send a form."""
        note_secrets(self.token, *[text for name, text in fields.items() if "password" in name])
        body = urlencode({"csrf_token": self.token, **fields})
        return self._ask("POST", path, body, {"Content-Type": "application/x-www-form-urlencoded"})

    def sign_up(self, username: str, email: str = "", password: str = PASSWORD) -> Answer:
        """Send the sign-up form, fetched before if no page was."""
        if not self.token:
            self.get(SIGN_UP)
        email = email or f"{username}@example.com"
        return self.post(SIGN_UP, username=username, email=email, password1=password, password2=password)

    def log_in(self, email: str, password: str = PASSWORD) -> Answer:
        """Fetch the login form and send it."""
        self.get(LOG_IN)
        return self.post(LOG_IN, username=email, password=password)

    def log_out(self) -> Answer:
        """Press the button of the home page."""
        self.get("/")
        return self.post("/accounts/logout/")

    def is_logged_in(self) -> bool:
        """Tell what the home page says."""
        return is_logged_in(self.get("/").text)

    def connect(self) -> HTTPConnection:
        """Return a new connection to the site."""
        return HTTPConnection(HOST, self.port, 60, (self.source, 0))

    def _ask(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> Answer:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        started = time.perf_counter()
        with closing(self.connect()) as connection:
            connection.request(method, path, body, {"Cookie": cookie, **self.headers, **headers})
            response = connection.getresponse()
            text = response.read().decode()
        seconds = time.perf_counter() - started
        for line in response.headers.get_all("Set-Cookie", []):
            for name, morsel in SimpleCookie(line).items():
                self.cookies[name] = morsel.value
        note_secrets(*self.cookies.values(), *re.findall(r"[0-9a-f]+-[0-9a-f]{64}", path))
        return Answer(response.status, text, response.headers, seconds)
