"""The table of requirements: what each asks for, and the test that proves it, or why it is open."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SECURITY = "tests/security/test_rows.py"
FUNCTIONAL, UNIT, REAL = "tests/functional", "tests/unit", "tests/integration"

# Number: (what is asked for, `file::test` that proves it, or "open: why").
ROWS = {
    1: ("Passwords are hashed with Argon2id at OWASP's cost, and again when it rises", f"{FUNCTIONAL}/test_login.py::test_a_hash_with_old_parameters_is_remade_at_log_in"),
    2: ("A password has a shortest length", "open: 8 by default (ASVS 6.2.1); NIST asks for 15 where it is the only factor: PASSWORD_MIN_LENGTH=15"),
    7: ("Every failed log-in has the same answer", f"{SECURITY}::test_row_07_every_failed_log_in_has_the_same_answer"),
    8: ("Every failed log-in costs the same time", f"{FUNCTIONAL}/test_login.py::test_every_failure_costs_one_password_check"),
    9: ("Sign-up does not tell that an address is taken (ASVS 6.3.8, level 3)", "open: on purpose, decision 5; it is limited by client"),
    11: ("Guessing is limited, in all processes together, and locks no owner out", f"{REAL}/test_limits.py::test_processes_and_made_up_addresses_do_not_multiply_the_tries"),
    12: ("The limits outlive Redis", f"{REAL}/test_limits.py::test_without_redis_tries_are_still_limited_and_answered_in_time"),
    13: ("A foreign host gets no page and no link", f"{REAL}/test_front_door.py::test_front_door_knows_its_own_host_and_keeps_large_bodies_out"),
    14: ("Headers that name another client are not believed", f"{FUNCTIONAL}/test_limits.py::test_headers_that_name_another_address_are_not_believed"),
    15: ("A link's token is good for one thing, once, for a time", f"{FUNCTIONAL}/test_tokens.py::test_a_token_is_good_for_its_purpose_and_its_account_as_it_was"),
    17: ("A session is new at log-in", f"{SECURITY}::test_row_17_18_a_session_is_new_at_log_in_and_dead_after_log_out"),
    18: ("Log-out ends the session on the server", f"{SECURITY}::test_row_17_18_a_session_is_new_at_log_in_and_dead_after_log_out"),
    19: ("Deactivation and 'end others' work at once", f"{FUNCTIONAL}/test_session_machine.py::test_no_order_of_events_opens_a_dead_session_or_closes_a_live_one"),
    20: ("Sessions end when idle and when old", f"{FUNCTIONAL}/test_sessions.py::test_a_session_that_nobody_uses_ends"),
    22: ("Cookies carry their flags", f"{SECURITY}::test_row_22_25_cookies_and_pages_carry_their_flags"),
    23: ("A strict content security policy on every page", f"{SECURITY}::test_row_22_25_cookies_and_pages_carry_their_flags"),
    24: ("Browsers are told to insist on https", f"{FUNCTIONAL}/test_csrf_and_headers.py::test_over_https_browsers_are_told_to_stay_there"),
    25: ("The other headers on every page", f"{SECURITY}::test_row_22_25_cookies_and_pages_carry_their_flags"),
    26: ("No state changes without a form of ours", f"{SECURITY}::test_row_26_no_state_changes_without_a_form_of_ours"),
    27: ("A planted session does not survive log-in", f"{FUNCTIONAL}/test_sessions.py::test_nothing_planted_before_a_log_in_survives_it"),
    28: ("Redirects stay on this site", f"{SECURITY}::test_row_28_a_redirect_stays_on_this_site"),
    29: ("No page can be framed", f"{SECURITY}::test_row_22_25_cookies_and_pages_carry_their_flags"),
    30: ("Fields that no form has are ignored", f"{SECURITY}::test_row_30_fields_that_no_form_has_are_ignored"),
    31: ("Staff's pages are closed to others on every route, page, act and method", f"{FUNCTIONAL}/test_admin_access.py::test_every_page_and_act_opens_to_those_who_may"),
    32: ("The last member of staff cannot be lost, two at once included; staff knows and chooses no password", f"{REAL}/test_accounts_on_postgres.py::test_of_two_members_of_staff_who_remove_each_other_at_once_one_stays"),
    33: ("Simultaneous sign-ups with one address make one account", f"{REAL}/test_races.py::test_d2_simultaneous_sign_ups_with_one_email_make_one_account"),
    36: ("No header can be injected", f"{SECURITY}::test_row_36_41_bytes_that_are_no_text_are_never_a_fault_of_ours"),
    37: ("Nobody can flood one address with mails", f"{FUNCTIONAL}/test_limits.py::test_nobody_can_flood_one_address_with_mails"),
    38: ("What is typed never comes back as markup", f"{FUNCTIONAL}/test_naughty_strings.py::test_no_string_in_a_field_breaks_the_form_or_comes_back_as_markup"),
    40: ("Large bodies are kept out", f"{REAL}/test_front_door.py::test_front_door_knows_its_own_host_and_keeps_large_bodies_out"),
    41: ("Bytes that are no text are never a fault of ours", f"{SECURITY}::test_row_36_41_bytes_that_are_no_text_are_never_a_fault_of_ours"),
    42: ("A bad cookie is no cookie", f"{SECURITY}::test_row_42_a_bad_cookie_is_no_cookie"),
    44: ("Ambiguous request lengths are refused", f"{SECURITY}::test_row_44_ambiguous_lengths_are_refused"),
    45: ("Nothing but pages is served, and no version is told", f"{SECURITY}::test_row_45_nothing_but_pages_is_served_and_no_version_told"),
    46: ("Errors show nothing of the inside", f"{FUNCTIONAL}/test_error_pages.py::test_a_crash_has_our_page_and_its_cause_is_only_in_the_log"),
    47: ("No log, broker or table holds a password, a token or a cookie", f"{REAL}/test_logs.py::test_row_47_no_password_token_or_cookie_is_in_any_log_in_redis_or_in_the_database"),
    49: ("No door opens on an unsafe configuration", f"{REAL}/test_check.py::test_no_door_opens_on_an_unsafe_configuration"),
    51: ("Dependencies are pinned with hashes", f"{UNIT}/test_requirements.py::test_d13_every_package_is_pinned_with_hashes_and_says_nothing_of_where_it_comes_from"),
}  # fmt: skip


def is_there(proof: str) -> bool:
    """Tell whether the test that a row names exists."""
    path, _, name = proof.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    return any(isinstance(node, ast.FunctionDef) and node.name == name for node in ast.walk(tree))


def write() -> str:
    """Return docs/security.md."""
    lines = ["| | requirement | |", "| --- | --- | --- |"]
    for number, (sentence, proof) in ROWS.items():
        path, _, name = proof.partition("::")
        shown = proof if proof.startswith("open") else f"pass: `{name}` in `{path}`"
        lines.append(f"| {number} | {sentence} | {shown} |")
    head = "# Security requirements\n\nWritten by `make docs` from `tests/security/rows.py`; the tests run in `make test`.\n"
    missing = ", ".join(str(number) for number in range(1, 53) if number not in ROWS)
    tail = f"\nNot proved here yet, because the feature or the test is missing: {missing}."
    return "\n".join([head, *lines, tail, ""])


if __name__ == "__main__":
    sys.stdout.write(write())
