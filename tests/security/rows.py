"""The table of requirements: what each asks for, what proves it, and why one is open; writes docs/security.md."""

import ast
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Row(NamedTuple):
    """A requirement; proofs are `file::test` below tests/, or a file; without one it is open."""

    asks: str
    proofs: str = ""
    remark: str = ""


ROWS = {
    1: Row("Argon2id at OWASP's cost, made anew when the cost rises", "unit/users/test_passwords.py::test_the_default_hash_is_argon2id_with_at_least_the_owasp_parameters functional/test_login.py::test_a_hash_with_old_parameters_is_remade_at_log_in"),
    2: Row("A shortest length, counted in characters", "unit/users/test_password_policy.py::test_length_is_counted_in_characters unit/users/test_password_policy.py::test_the_minimum_is_a_setting", "8 as the origin has it, ASVS 6.2.1; NIST asks for 15 where a password is all: PASSWORD_MIN_LENGTH=15"),
    3: Row("Long passwords of any characters, whole, filled in by a password manager", "security/test_passwords.py::test_row_03_any_long_password_is_taken_as_it_is security/test_passwords.py::test_row_03_password_managers_may_fill_in_and_paste"),
    4: Row("A very long password costs nothing", "security/test_passwords.py::test_row_04_long_passwords_cost_nothing"),
    5: Row("No common password, in no case and width", "security/test_passwords.py::test_row_05_common_passwords_are_refused_in_any_case_and_width"),
    6: Row("One password on every keyboard", "security/test_passwords.py::test_row_06_a_password_is_the_same_on_every_keyboard"),
    7: Row("Every failed log-in has the same answer", "security/test_rows.py::test_row_07_every_failed_log_in_has_the_same_answer"),
    8: Row("Every failed log-in takes the same time", "functional/test_login.py::test_every_failure_costs_one_password_check", "benchmarks/uniform_answers.py, 1,000 pairs: AUC 0.501, medians 0.01 ms apart"),
    9: Row("Sign-up does not tell that an address is taken (ASVS 6.3.8, level 3)", "", "on purpose, [decision 5](decisions/0005-sign-up-tells.md); it is limited by client"),
    10: Row("A reset does not tell who has an account, also without Redis", "security/test_links.py::test_row_10_a_reset_tells_nobody_who_has_an_account security/test_links.py::test_row_10_nor_does_it_while_redis_is_away", "benchmarks/uniform_answers.py, 1,000 pairs: reset AUC 0.532, 0.07 ms; a new confirmation AUC 0.507, 0.17 ms"),
    11: Row("Guesses are limited for all processes together, and lock no owner out", "integration/test_rate_limits.py::test_processes_and_made_up_addresses_do_not_multiply_the_tries"),
    12: Row("Limits outlive Redis", "integration/test_rate_limits.py::test_without_redis_tries_are_still_limited_and_answered_in_time"),
    13: Row("A foreign host gets no page and no link", "integration/test_nginx_and_uwsgi.py::test_front_door_knows_its_own_host_and_keeps_large_bodies_out functional/test_password_reset.py::test_no_header_decides_where_the_link_leads"),
    14: Row("Nobody is believed who names another client", "integration/test_nginx.py::test_the_application_hears_from_nginx_who_asks_and_how functional/test_rate_limits.py::test_headers_that_name_another_address_are_not_believed"),
    15: Row("A reset link works once, for an hour, for one account; it is kept nowhere", "security/test_links.py::test_row_15_of_twenty_uses_of_one_link_at_once_exactly_one_succeeds security/test_links.py::test_row_15_a_link_lives_an_hour_of_the_databases_clock security/test_links.py::test_row_15_a_link_is_for_one_account_and_dies_with_its_password security/test_links.py::test_row_15_nothing_that_is_kept_holds_a_token_or_a_password functional/test_link_machine.py::test_no_order_of_events_makes_a_dead_link_work_or_a_good_one_fail", "an hour; the ten minutes of ASVS 6.5.5 are for codes that are typed"),
    16: Row("A reset logs nobody in and tells the owner", "security/test_links.py::test_row_16_a_reset_logs_nobody_in_and_tells_the_owner"),
    17: Row("A new session at log-in", "security/test_rows.py::test_row_17_18_a_session_is_new_at_log_in_and_dead_after_log_out"),
    18: Row("Log-out ends it on the server", "security/test_rows.py::test_row_17_18_a_session_is_new_at_log_in_and_dead_after_log_out"),
    19: Row("What ends sessions ends them at the next request", "security/test_revocation.py::test_row_19_a_session_that_was_ended_elsewhere_is_refused_at_the_next_request"),
    20: Row("Sessions end when idle and when old", "security/test_revocation.py::test_row_20_a_session_ends_when_idle_and_when_old"),
    21: Row("What matters asks for the password; guesses count", "security/test_revocation.py::test_row_21_what_matters_needs_the_current_password_and_guesses_are_counted"),
    22: Row("Flags of cookies", "security/test_rows.py::test_row_22_25_cookies_and_pages_carry_their_flags integration/test_web_processes.py::test_over_tls_everything_is_strict"),
    23: Row("A strict Content-Security-Policy everywhere", "security/test_rows.py::test_row_22_25_cookies_and_pages_carry_their_flags integration/test_nginx.py::test_nginx_own_answers_are_polite_pages_with_every_header_once"),
    24: Row("HSTS; plain HTTP leads to HTTPS", "integration/test_web_processes.py::test_over_tls_everything_is_strict"),
    25: Row("The other headers; no page of a member is kept", "security/test_rows.py::test_row_22_25_cookies_and_pages_carry_their_flags integration/test_browser_guards.py::test_the_back_button_shows_nothing_after_the_log_out"),
    26: Row("No change without a form of ours", "security/test_rows.py::test_row_26_no_state_changes_without_a_form_of_ours"),
    27: Row("A planted session does not survive the log-in", "functional/test_sessions.py::test_nothing_planted_before_a_log_in_survives_it"),
    28: Row("Redirects stay here", "security/test_rows.py::test_row_28_a_redirect_stays_on_this_site"),
    29: Row("No page can be framed", "integration/test_browser_guards.py::test_no_page_can_be_framed_by_another_site"),
    30: Row("Fields that no form has are ignored", "security/test_rows.py::test_row_30_fields_that_no_form_has_are_ignored"),
    31: Row("Staff's pages open to staff only, however they are spelled", "functional/test_admin_access.py::test_every_page_and_action_opens_only_to_its_roles integration/test_admin_through_nginx.py::test_no_spelling_of_an_address_opens_the_pages_to_others_than_staff"),
    32: Row("The last member of staff stays; staff knows no password", "functional/test_admin.py::test_the_last_active_member_of_staff_stays functional/test_admin.py::test_staff_sends_a_reset_mail_and_knows_no_password"),
    33: Row("Of simultaneous sign-ups with one address one succeeds", "integration/test_races.py::test_d2_simultaneous_sign_ups_with_one_email_make_one_account"),
    34: Row("Names that look the same are one name, or refused", "security/test_names_and_texts.py::test_row_34_names_that_look_the_same_are_taken_or_refused", "no name is reserved: none stands in an address, and only its owner and staff see it"),
    35: Row("A reset goes to the stored address, not to the typed one", "security/test_links.py::test_row_35_the_mail_goes_to_the_stored_address"),
    36: Row("No header can be injected", "security/test_rows.py::test_row_36_41_bytes_that_are_no_text_are_never_a_fault_of_ours unit/mail/test_message.py::test_every_control_character_in_a_subject_is_refused"),
    37: Row("Our mails carry no advertisement and flood nobody", "unit/users/test_names.py::test_refused_names_say_why functional/test_rate_limits.py::test_nobody_can_flood_one_address_with_mails"),
    38: Row("What was typed is never markup or template", "functional/test_naughty_strings.py::test_no_string_in_a_field_breaks_the_form_or_comes_back_as_markup security/test_names_and_texts.py::test_row_38_what_somebody_typed_is_text_for_everybody_and_in_mails"),
    39: Row("Nor a query", "security/test_names_and_texts.py::test_row_39_a_text_is_never_a_query scan", "`make scan`: sqlmap and wapiti, as visitor and member: nothing"),
    40: Row("Large bodies stay outside", "integration/test_web_processes.py::test_a_hundred_megabytes_of_body_take_no_memory_of_ours functional/test_error_pages.py::test_a_form_of_very_many_parts_is_refused"),
    41: Row("Bytes that are no text are no fault of ours", "security/test_rows.py::test_row_36_41_bytes_that_are_no_text_are_never_a_fault_of_ours"),
    42: Row("A bad cookie is no cookie", "security/test_rows.py::test_row_42_a_bad_cookie_is_no_cookie"),
    43: Row("Slow clients keep nobody waiting", "security/test_slow_clients.py::test_row_43_a_log_in_is_quick_while_hundreds_are_slow"),
    44: Row("Ambiguous requests are refused", "security/test_rows.py::test_row_44_ambiguous_lengths_are_refused integration/test_nginx.py::test_what_two_servers_could_read_differently_is_refused"),
    45: Row("Nothing but pages is served, no version told", "security/test_rows.py::test_row_45_nothing_but_pages_is_served_and_no_version_told"),
    46: Row("Errors show nothing of the internals", "functional/test_error_pages.py::test_a_crash_has_our_page_and_its_cause_is_only_in_the_log"),
    47: Row("Events are logged, secrets are not", "security/test_links.py::test_row_15_nothing_that_is_kept_holds_a_token_or_a_password integration/test_nginx_and_uwsgi.py::test_the_token_of_a_link_is_in_no_log functional/test_sessions.py::test_every_log_in_failed_or_not_and_log_out_is_in_the_audit_trail"),
    48: Row("No account is there by default", "project/test_tables.py::test_row_48_a_new_database_has_no_account"),
    49: Row("No door opens on unsafe settings", "integration/test_check.py::test_no_door_opens_on_an_unsafe_configuration unit/config/test_checks.py::test_production_refuses"),
    50: Row("No secret in the repository or the image", "scan compose/test_deployment.py::test_d14_nobody_sees_the_secrets", "`make scan`: detect-secrets, also on every line of the history: nothing"),
    51: Row("Every dependency is pinned by its hash", "project/test_requirements.py::test_d13_every_package_is_pinned_with_hashes_and_says_nothing_of_where_it_comes_from", "no SBOM of our own: the pinned files are read by the usual tools"),
    52: Row("No weak TLS", "integration/test_web_processes.py::test_weak_tls_is_refused", "testssl.sh was not run"),
}  # fmt: skip


def is_there(proof: str) -> bool:
    """Tell whether what is named as a proof, below tests/, exists."""
    path, _, name = proof.partition("::")
    file = ROOT / "tests" / path
    if not name:
        return file.exists()
    nodes = ast.walk(ast.parse(file.read_text())) if file.exists() else []
    return any(isinstance(node, ast.FunctionDef) and node.name == name for node in nodes)


def write() -> str:
    """Return docs/security.md."""
    lines = [
        "# Security requirements",
        "",
        "Written by `make docs` from `tests/security/rows.py`; proofs are below `tests/` and run in `make test`, but for",
        "`scan` (`make scan`) and `compose/` (`make test-compose`).",
        "",
        "| | requirement | | proofs | remark |",
        "| --- | --- | --- | --- | --- |",
    ]
    for number, (asks, proofs, remark) in ROWS.items():
        shown = "<br>".join(f"`{proof}`" for proof in proofs.split())
        lines.append(f"| {number} | {asks} | {'pass' if proofs else 'open'} | {shown} | {remark} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.stdout.write(write())
