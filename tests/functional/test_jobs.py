"""Jobs on the pages: staff see them, members do not take them for emails."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from uuid import UUID

import pytest
from flask import Flask

from flaskcelery.database import transaction
from flaskcelery.outbox.tasks import TASKS, OutboxTask
from tests.conftest import events, run_sql, send_emails
from tests.functional.conftest import Member


@pytest.fixture
def report(app: Flask, alice: Member) -> Iterator[str]:
    """Return the id of alice's job, which has failed."""
    TASKS["report"] = OutboxTask("report", lambda **_: None, "Yearly report", queue="jobs")
    with app.app_context(), transaction():
        row_id = TASKS["report"].enqueue(user_id=alice.id).id
    run_sql(app, f"UPDATE outbox SET failed_at = created_at, error = 'no figures' WHERE id = '{row_id.hex}'")
    yield str(row_id)
    del TASKS["report"]


def link_text(page: str) -> str:
    return page.partition('href="/elsewhere/">')[2].partition("</a>")[0]


def test_the_page_of_a_job_tells_its_state_and_leads_back(app: Flask, alice: Member, report: str) -> None:
    def show(then: str = "") -> str:
        run_sql(app, f"UPDATE outbox SET failed_at = NULL {then} WHERE id = '{UUID(report).hex}'")
        return str(alice.client.get(f"/accounts/me/jobs/{report}/?next=/elsewhere/").text)

    assert "<h1>Yearly report</h1>" in show()
    assert 'http-equiv="refresh"' in show(", progress = 40")
    assert "40 %" in show()
    back = link_text(show())
    assert 'http-equiv="refresh"' not in show(", done_at = created_at")
    assert back != link_text(show()) != ""  # `next` has the result now
    assert "evil" not in alice.client.get(f"/accounts/me/jobs/{report}/?next=//evil.example").text


def test_nobody_sees_the_job_of_somebody_else(member: Member, report: str) -> None:
    assert member.client.get(f"/accounts/me/jobs/{report}/").status_code == 404


def list_tasks(member: Member, page: str) -> list[str]:
    """Return what the first column of an admin page says."""
    return re.findall(r"<tr>\s*<td><a [^>]*>([^<]*)</a>", member.client.get(f"/admin/{page}").text)


def test_staff_see_jobs_and_emails_apart(staff: Member, report: str) -> None:
    assert list_tasks(staff, "jobs/") == ["Yearly report"]
    assert "Yearly report" not in list_tasks(staff, "emails/")
    assert list_tasks(staff, "jobs/?state=failed") == ["Yearly report"]
    assert list_tasks(staff, "jobs/?state=running") == []


def test_the_dashboard_counts_jobs_apart(app: Flask, staff: Member, report: str) -> None:
    def tiles() -> dict[str, str]:
        page = staff.client.get("/admin/").text
        return dict(re.findall(r'<span class="small">([^<]*)</span> <b>([^<]*)</b>', page))

    assert tiles()["Jobs failed"] == "1"
    assert tiles()["Emails failed"] == "1"
    run_sql(app, "UPDATE outbox SET failed_at = NULL, done_at = created_at")
    assert "Jobs failed" not in tiles()
    assert tiles()["Emails sent"] == str(run_sql(app, "SELECT count(*) FROM outbox WHERE task != 'report'")[0][0])


def test_staff_retry_a_failed_job_by_itself(app: Flask, staff: Member, report: str) -> None:
    assert "Emails that will be retried: 1." in staff.act("/admin/emails/", "retry-all").text
    assert run_sql(app, "SELECT failed_at IS NULL FROM outbox WHERE task = 'report'") == [(0,)]
    page = staff.act(f"/admin/jobs/{report}/", "retry-job").text
    assert "The job will be retried." in page
    assert run_sql(app, "SELECT failed_at FROM outbox WHERE task = 'report'") == [(None,)]
    assert events(app)[-2:] == ["emails retried", "jobs retried"]


def test_a_member_sees_no_job_among_the_emails_but_in_the_export(app: Flask, alice: Member, report: str) -> None:
    send_emails(app)
    assert "Yearly report" not in alice.client.get("/accounts/me/").text
    exported = json.loads(alice.client.post("/accounts/me/export/", data={"csrf_token": alice.token()}).text)
    assert "Yearly report" not in [email["what"] for email in exported["emails"]]
    assert [(job["what"], job["state"]) for job in exported["jobs"]] == [("Yearly report", "failed")]
