"""The people of the functional tests."""

from tests.functional.conftest import staff

__all__ = ["staff"]
