"""Every requirement and every defect has its tests, and the docs name them."""

from tests.proofs import DEFECT, PARITY, SECURITY, find_proofs, parity_page, security_page
from tests.security.requirements import REQUIREMENTS


def test_every_requirement_has_a_test_or_a_remark() -> None:
    assert list(REQUIREMENTS) == sorted(REQUIREMENTS)
    proofs = find_proofs("requirement")
    assert proofs.keys() <= REQUIREMENTS.keys()
    assert [number for number, row in REQUIREMENTS.items() if not (number in proofs or row.remark)] == []


def test_every_defect_of_the_reference_django_app_has_a_test() -> None:
    defects = [f"D{number}" for number in range(1, 18)]
    assert [found[1] for found in DEFECT.finditer(PARITY.read_text())] == defects
    assert find_proofs("defect").keys() == set(defects)


def test_the_docs_are_up_to_date() -> None:
    assert SECURITY.read_text() == security_page(), "make docs"
    assert PARITY.read_text() == parity_page(), "make docs"
