"""Record who did what, append-only, as a chain of hashes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"

# Runs as the owner, so that whoever may call it may add a row, with their own role and the present time, and nothing
# else. Rows are added one after the other: the lock, which no other role may take, is held until the
# transaction ends, so the chain cannot fork.
# Each field is hashed with its length before it; `viral_common.stores.audit` hashes the same again in Python.
_RECORD_AUDIT = """
    CREATE FUNCTION {schema}.record_audit(
        os_user text, person text, action text, subject text, before jsonb, after jsonb, reason text
    ) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = pg_catalog, pg_temp SET lock_timeout = '30s' AS $$
    DECLARE
        entry {schema}.audit;
    BEGIN
        LOCK TABLE {schema}.audit IN SHARE ROW EXCLUSIVE MODE;
        SELECT last.seq, last.hash INTO entry.seq, entry.previous_hash
            FROM {schema}.audit AS last ORDER BY last.seq DESC LIMIT 1;
        entry.seq := coalesce(entry.seq, 0) + 1;
        entry.at := clock_timestamp();
        entry.role := session_user;
        entry.os_user := $1;
        entry.person := $2;
        entry.action := $3;
        entry.subject := $4;
        entry.before := $5;
        entry.after := $6;
        entry.reason := $7;
        entry.hash := encode(sha256(convert_to((
            SELECT string_agg(
                coalesce(octet_length(convert_to(field, 'UTF8')) || ':' || field, '-'), ',' ORDER BY place
            )
            FROM unnest(ARRAY[
                entry.seq::text,
                to_char(entry.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
                entry.role, entry.os_user, entry.person, entry.action, entry.subject,
                entry.before::text, entry.after::text, entry.reason, entry.previous_hash
            ]) WITH ORDINALITY AS fields (field, place)
        ), 'UTF8')), 'hex');
        INSERT INTO {schema}.audit VALUES (entry.*);
        RETURN entry.seq;
    END $$
"""


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("seq", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("role", sa.String, nullable=False, comment="database role that was logged in"),
        sa.Column("os_user", sa.String, nullable=False, comment="system user, as the command said"),
        sa.Column("person", sa.String, comment="name of a person or key, as the command said"),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False, comment="what was acted on; never a tweet's author"),
        sa.Column("before", postgresql.JSONB),
        sa.Column("after", postgresql.JSONB),
        sa.Column("reason", sa.String, nullable=False, comment="why, in the person's words"),
        sa.Column("previous_hash", sa.String, comment="of the row before; null: the first"),
        sa.Column("hash", sa.String, nullable=False, comment="SHA-256 of all other columns"),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    op.execute(_RECORD_AUDIT.format(schema=schema))


def downgrade() -> None:
    op.execute("DROP FUNCTION record_audit(text, text, text, text, jsonb, jsonb, text)")
    op.drop_table("audit")
