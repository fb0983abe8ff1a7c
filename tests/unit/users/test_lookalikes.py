"""Names that look alike have one skeleton; names that show nothing are refused; other names are left alone."""

import re
import unicodedata
from contextlib import suppress

import pytest
from confusable_homoglyphs import confusables

from flaskcelery.users.lookalikes import skeleton_digest
from flaskcelery.users.names import InvalidName, make_username, normalize_username

TARGETS = ("alice", "admin", "paypal", "google")
# Default_Ignorable_Code_Point of Unicode 16, and two hieroglyphs that are blank.
IGNORABLE = (
    *((0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F)),
    *((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF)),
    *((0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF)),
    (0x13441, 0x13442),
)


def look_of(name: str) -> str:
    """Return what the database compares."""
    return make_username(name)["username_skeleton"]


@pytest.mark.requirement(34)
@pytest.mark.parametrize(
    ("name", "impostor"),
    [
        *(("paypal", "paypa1"), ("paypal", "paypaI"), ("google", "GoogIe"), ("google", "g00gle"), ("admin", "adrnin")),
        *(("alice", "ɑlice"), ("alice", "alıce"), ("google", "ɡoogle"), ("cope", "соре"), ("pop", "ρορ")),
        *(("ace", "асе"), ("CEA", "ᏟᎬᎪ"), ("mary", "rnary"), ("Marla", "MarIa"), ("ءاى", "ء1ى")),
    ],
)
def test_names_that_look_alike_have_one_skeleton(name: str, impostor: str) -> None:
    assert skeleton_digest(name) == skeleton_digest(impostor)


@pytest.mark.requirement(34)
def test_every_name_with_one_letter_that_looks_like_another_is_refused_or_has_the_same_skeleton() -> None:
    tried: set[tuple[str, str]] = set()
    for name in TARGETS:
        for letter in name:
            for other in confusables.confusables_data.get(letter, []):
                tried |= {(name, name.replace(letter, other["c"])), (name, name.replace(letter, other["c"], 1))}
    accepted = {}
    for name, impostor in tried:
        with suppress(InvalidName):
            accepted[name, impostor] = look_of(impostor)
    assert len(tried) > 400
    assert len(accepted) > 200
    assert {pair for pair, look in accepted.items() if look != look_of(pair[0])} == set()


@pytest.mark.requirement(34)
def test_no_name_has_a_character_that_is_not_seen() -> None:
    characters = [chr(number) for first, last in IGNORABLE for number in range(first, last + 1)]
    seen = [one for one in characters if re.fullmatch(r"\w", one)]
    assert {"\u1160", "\u3164"} <= set(seen)
    for character in [*seen, *characters[::50]]:
        for name in (character, f"ali{character}ce", f"김{character}", f"{character}김"):
            with pytest.raises(InvalidName):
                normalize_username(name)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("alice", "alicia"), ("lisa", "ilsa"), ("mail", "mali"), ("ann", "anne"), ("jose", "josé"), ("Lena", "Lina")),
        *(("müller", "muller"), ("админ", "админы"), ("李雷", "李霄"), ("user1", "user2"), ("bob_1", "bob-1")),
    ],
)
def test_names_that_differ_to_the_eye_do_not_clash(one: str, other: str) -> None:
    assert look_of(one) != look_of(other)


def test_two_forms_of_one_letter_are_one_look() -> None:
    assert skeleton_digest(unicodedata.normalize("NFD", "josé")) == skeleton_digest("josé")
