"""What several forms share: white space dropped, and rules of the domain shown at their field."""

from collections.abc import Callable

from wtforms import Field, Form, ValidationError

from flaskcelery.errors import UserFacingError


def strip(text: str | None) -> str | None:
    """Drop white space around a typed name; passwords are never stripped."""
    return text.strip() if text else text


def accepted_by(normalize: Callable[[str], str]) -> Callable[[Form, Field], None]:
    """Return the validator that shows the sentence with which `normalize` refuses a value."""

    def check(_form: Form, field: Field) -> None:
        try:
            normalize(field.data)
        except UserFacingError as error:
            raise ValidationError(str(error)) from None

    return check


def add_errors(form: Form, errors: dict[str, str]) -> None:
    """Show each sentence at the field it is about."""
    for name, sentence in errors.items():
        form[name].errors = [*form[name].errors, sentence]
