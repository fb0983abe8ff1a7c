"""The pages of two-factor authentication in every state that looks different."""

from tests.browser.site import CODE
from tests.browser.state import State

ME, RECOVERY, AT_LOGIN = "/accounts/me/", "/accounts/login/recovery/", "/accounts/login/set-up/"
TWO_FACTOR_PAGES = f"{ME}two-factor/"
SET_UP = f"{TWO_FACTOR_PAGES}set-up/"

TWO_FACTOR = [
    State("login, code", CODE, "half"),
    State("login, code, blank", CODE, "half", {"code": ""}),
    State("login, code, wrong", CODE, "half", {"code": "000000"}),
    State("login, recovery code", RECOVERY, "half"),
    State("login, recovery code, wrong", RECOVERY, "half", {"code": "abcd-efgh"}),
    State("account, two-factor", ME, "guarded"),
    State("two-factor", SET_UP, "alice"),
    State("two-factor, wrong", SET_UP, "alice", {"code": "000000"}),
    State("two-factor, blank", SET_UP, "alice", {"code": ""}),
    State("two-factor, off", f"{TWO_FACTOR_PAGES}off/", "guarded"),
    State("user, two-factor", lambda site: f"/admin/users/{site.id_of('guarded')}/", "boss"),
    State("reset two-factor", lambda site: f"/admin/users/{site.id_of('guarded')}/action/reset-two-factor/", "boss"),
]
# Where staff need it.
SET_UP_AT_LOGIN = [
    State("login, set-up", AT_LOGIN, "recruit"),
    State("login, set-up, wrong", AT_LOGIN, "recruit", {"code": "000000"}),
]
