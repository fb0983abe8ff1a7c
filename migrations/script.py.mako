"""${message}."""
<%!
def without_comments(code):
    return "\n".join(line for line in code.splitlines() if "# ###" not in line).strip()
%>\

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    ${upgrades or "pass" | n, without_comments}


def downgrade() -> None:
    ${downgrades or "pass" | n, without_comments}
