"""Let each service's role see and change its own rows, and do through functions what only the owner may."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

# A service's role is named like the service. Whoever owns the tables is not bound by any of this.
OWN = "pg_has_role(current_user, service, 'MEMBER')"
# What the trainer may say of a batch; a judgement is the evaluator's.
NO_JUDGEMENT = "outcome IN ('untrainable', 'failed') OR pg_has_role(current_user, 'evaluator', 'MEMBER')"
POLICIES = {
    "inbox": [f"own ON inbox USING ({OWN})"],
    "outbox": [f"own ON outbox USING ({OWN})"],
    "verdicts": [
        "read ON verdicts FOR SELECT USING (true)",
        f"add ON verdicts FOR INSERT WITH CHECK ({NO_JUDGEMENT})",
        f"replace ON verdicts FOR DELETE USING ({NO_JUDGEMENT})",
    ],
}
FUNCTIONS = ("add_tweets_month (date)", "drop_tweets_month (date, timestamptz)", "analyse_tweets ()")


def upgrade() -> None:
    for table, policies in POLICIES.items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        for policy in policies:
            op.execute(f"CREATE POLICY {policy}")
    # Nobody's own tables may stand in for ours while the owner's rights are used.
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    for function in (_ADD_MONTH, _DROP_MONTH, _ANALYSE):
        op.execute(function.format(owners_rights=f"SECURITY DEFINER SET search_path = {schema}, pg_temp"))
    op.execute(
        "ALTER FUNCTION author_histories (text, text[], timestamptz[], bigint, interval, interval) "
        f"SECURITY DEFINER SET search_path = {schema}, pg_temp"
    )
    for function in FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    op.execute(
        "ALTER FUNCTION author_histories (text, text[], timestamptz[], bigint, interval, interval) "
        "SECURITY INVOKER RESET search_path"
    )
    for table, policies in POLICIES.items():
        for policy in policies:
            op.execute(f"DROP POLICY {policy.split()[0]} ON {table}")
        op.execute(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")


# Made apart and attached, for `PARTITION OF` would lock readers out. The lock lets tweets be read and stored meanwhile,
# and only other makers of partitions wait. Clearing deleted rows takes a right on each month, where Postgres has one.
_ADD_MONTH = """
    CREATE FUNCTION add_tweets_month (month date) RETURNS void LANGUAGE plpgsql {owners_rights} AS $$
    DECLARE
        name text := to_char(month, '"tweets_"YYYY_MM');
        since timestamptz := month::timestamp AT TIME ZONE 'UTC';
        until timestamptz := (month + interval '1 month') AT TIME ZONE 'UTC';
    BEGIN
        IF month <> date_trunc('month', month) THEN
            RAISE EXCEPTION '% is no first day of a month', month USING ERRCODE = 'invalid_parameter_value';
        END IF;
        LOCK TABLE tweets IN SHARE UPDATE EXCLUSIVE MODE;
        IF to_regclass(name) IS NOT NULL THEN
            RETURN;
        END IF;
        EXECUTE format('CREATE TABLE %I (LIKE tweets INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
        EXECUTE format('ALTER TABLE %I ADD PRIMARY KEY (source, external_id)', name);
        EXECUTE format('ALTER TABLE tweets ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, since, until);
        IF current_setting('server_version_num')::int >= 170000 AND to_regrole('scraper') IS NOT NULL THEN
            EXECUTE format('GRANT MAINTAIN ON %I TO scraper', name);
        END IF;
    END $$
"""

# Whatever is stored is stored before the lock, and its batch seen, or after it, in a month made anew. An archive's
# tweets may be old when they are collected: they stay as long, to be trained on.
_DROP_MONTH = """
    CREATE FUNCTION drop_tweets_month (month date, before timestamptz) RETURNS boolean
    LANGUAGE plpgsql {owners_rights} AS $$
    DECLARE
        since timestamptz := month::timestamp AT TIME ZONE 'UTC';
        until timestamptz := (month + interval '1 month') AT TIME ZONE 'UTC';
    BEGIN
        LOCK TABLE ONLY tweets IN ACCESS EXCLUSIVE MODE;
        IF until > before OR EXISTS (
            SELECT FROM batches
            WHERE window_from < until AND window_to > since
                AND (collected_at IS NULL OR (collected_at > before AND tweet_count > 0))
        ) THEN
            RETURN false;
        END IF;
        EXECUTE format('DROP TABLE IF EXISTS %I', to_char(month, '"tweets_"YYYY_MM'));
        RETURN true;
    END $$
"""

_ANALYSE = """
    CREATE FUNCTION analyse_tweets () RETURNS void LANGUAGE plpgsql {owners_rights} AS $$
    BEGIN
        ANALYZE tweets;
    END $$
"""
