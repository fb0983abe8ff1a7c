"""Staff give a stolen account back to its owner, and move accounts that are not stolen."""

from __future__ import annotations

import pytest
from flask import Flask

from flaskcelery.users.deletion import expire_unconfirmed
from flaskcelery.users.models import VOIDED_PASSWORD
from tests.conftest import Browser, link_in, run_sql, send_emails
from tests.functional.conftest import AGO, Member
from tests.functional.test_admin_users import NEW_PASSWORD, choose_password
from tests.functional.test_email_change import change_address
from tests.functional.two_factor import set_up
from tests.pages import DEAD, errors_of

STOLEN = "email = 'thief@example.com', email_key = 'thief@example.com', email_confirmed_at = joined_at"


@pytest.mark.requirement(62)
def test_after_staff_have_given_an_account_back_the_thiefs_mailbox_undoes_nothing(
    app: Flask, staff: Member, alice: Member
) -> None:
    run_sql(app, f"UPDATE users SET {STOLEN} WHERE id = {alice.id}")
    send_emails(app)
    staff.act(f"/admin/users/{alice.id}/", "give-back", owners_email="alice@example.com")
    told = {message.recipients[0]: message.body for message in send_emails(app)}
    assert set(told) == {"thief@example.com", "alice@example.com"}
    assert "/undo/" not in "".join(told.values())
    [event] = run_sql(app, "SELECT email, detail FROM audit_events WHERE event = 'given back to its owner'")
    assert event == ("a***@example.com", "was t***@example.com")


@pytest.mark.requirement(62)
@pytest.mark.parametrize("is_undone", [True, False])
def test_after_staff_have_given_an_account_back_the_thief_who_knows_the_password_cannot_log_in(
    app: Flask, staff: Member, alice: Member, is_undone: bool
) -> None:
    can_undo = ", previous_email = 'alice@example.com', email_changed_at = joined_at" if is_undone else ""
    run_sql(app, f"UPDATE users SET {STOLEN} {can_undo} WHERE id = {alice.id}")
    send_emails(app)
    if is_undone:  # what the old mailbox could do itself
        staff.act(f"/admin/users/{alice.id}/", "edit", username="alice", email="alice@example.com")
    else:
        staff.act(f"/admin/users/{alice.id}/", "give-back", owners_email="alice@example.com")
    alice.log_in()
    assert not alice.is_logged_in()
    [message] = [message for message in send_emails(app) if message.recipients == ["alice@example.com"]]
    choose_password(app, link_in(message))
    assert alice.log_in(password=NEW_PASSWORD).status_code == 302
    assert run_sql(app, f"SELECT email_confirmed_at IS NULL FROM users WHERE id = {alice.id}") == [(0,)]


@pytest.mark.requirement(62)
def test_staff_who_only_edited_a_stolen_account_can_give_it_back_later(
    app: Flask, staff: Member, alice: Member
) -> None:
    run_sql(app, f"UPDATE users SET {STOLEN} WHERE id = {alice.id}")
    send_emails(app)
    row = f"/admin/users/{alice.id}/"
    staff.act(row, "edit", username="alice", email="alice@example.com")
    [undo] = [link_in(message) for message in send_emails(app) if message.recipients == ["thief@example.com"]]
    run_sql(app, f"UPDATE users SET email_confirmed_at = joined_at WHERE id = {alice.id}")
    staff.act(row, "give-back", owners_email="alice@example.com")
    [message] = send_emails(app)
    assert message.recipients == ["alice@example.com"]
    assert DEAD in app.test_client().get(undo).text
    choose_password(app, link_in(message))
    assert alice.log_in(password=NEW_PASSWORD).status_code == 302


@pytest.mark.requirement(62)
def test_staff_have_to_write_the_owners_email_themselves(app: Flask, staff: Member, alice: Member) -> None:
    """The present one can be the thief's: given back to it, the account would be lost for good."""
    row = f"/admin/users/{alice.id}/"
    assert 'value="alice@example.com"' not in staff.client.get(f"{row}action/give-back/").text
    assert errors_of(staff.act(row, "give-back").text, "owners_email") == ["Enter an email."]
    assert alice.is_logged_in()


@pytest.mark.requirement(62)
def test_a_stolen_account_that_is_locked_out_is_given_back_before_it_is_unlocked(
    app: Flask, staff: Member, alice: Member
) -> None:
    row = f"/admin/users/{alice.id}/"
    staff.act(row, "deactivate")
    staff.act(row, "give-back", owners_email="new@example.com")
    send_emails(app)
    staff.act(row, "activate")
    [message] = send_emails(app)
    assert message.recipients == ["new@example.com"]
    choose_password(app, link_in(message))
    assert alice.log_in("new@example.com", NEW_PASSWORD).status_code == 302


@pytest.mark.requirement(62)
def test_an_account_whose_password_is_void_gets_another_link_at_its_next_email(
    app: Flask, staff: Member, alice: Member
) -> None:
    row = f"/admin/users/{alice.id}/"
    staff.act(row, "give-back", owners_email="a.typo@example.com")
    send_emails(app)
    staff.act(row, "edit", username="alice", email="alice@example.net")
    [message] = send_emails(app)
    choose_password(app, link_in(message))
    assert alice.log_in("alice@example.net", NEW_PASSWORD).status_code == 302


@pytest.mark.requirement(65)
@pytest.mark.parametrize("email", ["carol@example.com", "carol@bücher.example"])
def test_an_account_that_a_stranger_opened_loses_the_strangers_app_when_staff_give_it_to_its_owner(
    app: Flask, staff: Member, email: str
) -> None:
    squatter = Browser(app.test_client())
    squatter.sign_up("squatter", email)
    squatter.log_in(email)
    set_up(squatter)
    send_emails(app)
    run_sql(app, f"UPDATE users SET confirm_by = {AGO.format('1 days')} WHERE id = 2")
    staff.act("/admin/users/2/", "give-back", owners_email=email)
    choose_password(app, link_in(send_emails(app)[-1]))
    owner = Browser(app.test_client())
    owner.log_in(email, NEW_PASSWORD)
    assert owner.is_logged_in()
    with app.app_context():
        assert expire_unconfirmed() == []


@pytest.mark.requirement(15)
def test_a_used_reset_link_does_not_work_again_when_the_password_becomes_void_again(
    app: Flask, staff: Member, alice: Member
) -> None:
    send_emails(app)
    staff.act(f"/admin/users/{alice.id}/", "give-back", owners_email=alice.email)
    [message] = send_emails(app)
    choose_password(app, link_in(message))
    staff.act(f"/admin/users/{alice.id}/", "give-back", owners_email=alice.email)
    assert run_sql(app, f"SELECT password_hash FROM users WHERE id = {alice.id}") == [(VOIDED_PASSWORD,)]
    assert DEAD in app.test_client().get(link_in(message), follow_redirects=True).text


@pytest.mark.requirement(62)
def test_a_change_of_capital_letters_by_staff_ends_no_link(app: Flask, staff: Member, alice: Member) -> None:
    run_sql(app, "UPDATE users SET email_confirmed_at = joined_at")
    send_emails(app)
    undo = change_address(app, alice, "New@example.com")
    staff.act(f"/admin/users/{alice.id}/", "edit", username="alice", email="new@example.com")
    Browser(app.test_client()).send(undo)
    assert run_sql(app, f"SELECT email FROM users WHERE id = {alice.id}") == [("alice@example.com",)]


def test_an_account_that_is_unlocked_after_its_deadline_has_time_to_confirm_its_email(
    app: Flask, staff: Member, alice: Member
) -> None:
    staff.act(f"/admin/users/{alice.id}/", "deactivate")
    run_sql(app, f"UPDATE users SET confirm_by = {AGO.format('1 days')} WHERE id = {alice.id}")
    staff.act(f"/admin/users/{alice.id}/", "activate")
    with app.app_context():
        assert expire_unconfirmed() == []
