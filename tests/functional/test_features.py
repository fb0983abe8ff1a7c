"""What holds for the pages and rows of every feature, so that a new one is tested from its first day."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from uuid import UUID

import pytest
from flask import Blueprint, Flask
from werkzeug.routing import Rule

from flaskcelery.app import GUARDS, create_app
from flaskcelery.database import Base
from flaskcelery.users.models import User
from flaskcelery.web.security import require_login
from flaskcelery.web.templates import MENU
from tests import rows
from tests.conftest import run_sql
from tests.forms import forms_of
from tests.functional.conftest import Member
from tests.pages import csrf_token
from tests.rows import MARK, add_row

# Tables whose rows are not for their user alone, and why: {"recipes": "everybody reads them"}.
SHARED: dict[str, str] = {}
# Those that others can change, too, and why: {"polls": "everybody votes"}.
OPEN: dict[str, str] = {}

OWNED = sorted(
    (
        mapper.class_
        for mapper in Base.registry.mappers
        if "user_id" in mapper.columns and mapper.columns["user_id"].references(User.__table__.c.id)
    ),
    key=lambda model: model.__tablename__,
)


def find_paths(app: Flask, key: object) -> Iterator[tuple[Rule, str]]:
    """Return the pages without an argument, and those whose argument can be this key of a row, with their paths."""
    for rule in app.url_map.iter_rules():
        kinds = set(re.findall(r"<(?:([^:>]*):)?\w+>", rule.rule))
        if not rule.endpoint.startswith("dev.") and kinds <= {"id" if isinstance(key, int) else "uuid"}:
            yield rule, rule.build(dict.fromkeys(rule.arguments, key))[1]


def find_forms(member: Member, paths: list[str]) -> dict[str, dict[str, str]]:
    """Return the fields of all forms on these pages, filled in, by the path that each is sent to."""
    pages = [member.client.get(path).text for path in paths]
    return {path: values for page in pages for path, values in forms_of(page).items()}


@pytest.mark.parametrize("model", OWNED, ids=lambda model: model.__tablename__)
def test_users_see_and_change_their_own_rows_only(app: Flask, model: type[Base]) -> None:
    alice, bob, table = Member(app, "alice"), Member(app, "bob"), model.__tablename__
    key = add_row(app, model, alice.id)
    forms = find_forms(alice, [path for rule, path in find_paths(app, key) if "GET" in rule.methods])
    rows_of_alice = f"SELECT * FROM {table} WHERE user_id = {alice.id}"
    before, token = run_sql(app, rows_of_alice), {"csrf_token": bob.token()}
    hint = f'a row of alice: use {model.__name__}.of(current_user.id), or add "{table}" to {{}} in {__file__}'
    for rule, path in find_paths(app, key):
        for method in ["GET", "POST"] if rule.arguments else ["GET"]:
            answer = bob.client.open(path, method=method, data={**forms.get(path, {}), **token})
            assert MARK not in answer.text or table in SHARED, f"{method} {path} shows bob {hint.format('SHARED')}"
            is_kept = run_sql(app, rows_of_alice) == before or table in OPEN
            assert is_kept, f"{method} {path} lets bob change {hint.format('OPEN')}"


@pytest.mark.parametrize("model", OWNED, ids=lambda model: model.__tablename__)
def test_every_page_opens_for_the_owner_of_a_row_and_answers_strangers(app: Flask, model: type[Base]) -> None:
    alice = Member(app, "alice")
    key = add_row(app, model, alice.id)
    for path in [path for rule, path in find_paths(app, key) if "GET" in rule.methods]:
        assert alice.client.get(path).status_code != 500, f"{path} fails. {rows.HINT}"
        strangers = f"{path} fails for strangers. Should its guard in {app.root_path}/app.py be require_login?"
        assert app.test_client().get(path).status_code != 500, strangers


def test_every_blueprint_is_registered(app: Flask) -> None:
    names = [module.name for module in pkgutil.walk_packages([app.root_path], f"{app.import_name}.")]
    views = [vars(importlib.import_module(name)).values() for name in names if name.endswith(".views")]
    found = {each.import_name: each.name for module in views for each in module if isinstance(each, Blueprint)}
    missing = [module for module, name in found.items() if name not in app.blueprints]
    assert not missing, f"Import bp of {missing} in {app.root_path}/app.py, and add it to GUARDS there."


def test_a_menu_entry_without_its_page_stops_the_start_and_says_what_to_add(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    monkeypatch.setitem(MENU, "nothing.show", "Nothing")
    with pytest.raises(LookupError, match=r"nothing\.show.*GUARDS in .*app\.py"):
        create_app(environ)


def test_pages_behind_a_login_are_closed_to_everybody_else(app: Flask) -> None:
    closed = {blueprint.name for blueprint, guard in GUARDS.items() if guard is require_login}
    visitor, paths = app.test_client(), set()
    token = {"csrf_token": csrf_token(visitor.get("/accounts/login/").text)}
    for rule, path in [*find_paths(app, 1), *find_paths(app, UUID(int=1))]:
        if rule.endpoint.partition(".")[0] in closed:
            paths.add(path)
            for method in rule.methods - {"OPTIONS"}:
                answer = visitor.open(path, method=method, data=token)
                assert str(answer.location).startswith("/accounts/login/"), f"{method} {path}"
    assert "/accounts/me/" in paths
