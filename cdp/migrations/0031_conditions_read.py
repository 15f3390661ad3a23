"""What conditions read of events and lists. A date or an instant of a JSON text has one form, so that nothing is read that a plain
reading would not."""

from django.db import migrations

READ = """
CREATE FUNCTION cdp_as_text(v jsonb) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(v) WHEN 'string' THEN v #>> '{}' END;
CREATE FUNCTION cdp_as_texts(v jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(v) WHEN 'array' THEN
           ARRAY(SELECT normalize(item #>> '{}', NFKC) FROM jsonb_array_elements(v) AS item
                 WHERE jsonb_typeof(item) = 'string') END;
CREATE FUNCTION cdp_normal(texts text[]) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN texts IS NOT NULL THEN ARRAY(SELECT normalize(item, NFKC) FROM unnest(texts) AS item) END;
CREATE OR REPLACE FUNCTION cdp_as_date(v jsonb) RETURNS date LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN v #>> '{}' ~ '^((1[89]|2[01])[0-9]{2}|2200)-[0-9]{2}-[0-9]{2}$' AND pg_input_is_valid(v #>> '{}', 'date')
                THEN (v #>> '{}')::date END;
CREATE OR REPLACE FUNCTION cdp_as_instant(v jsonb) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN v #>> '{}' ~ ('^((1[89]|2[01])[0-9]{2}|2200)-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]'
                                   '(:[0-5][0-9]([.][0-9]{1,6})?)?(Z|[+-](0[0-9]|1[0-4]):[0-5][0-9])$')
                     AND pg_input_is_valid(v #>> '{}', 'timestamptz')
                THEN (v #>> '{}')::timestamptz END;
"""
# As 0018 made the two.
READ_BACK = """
CREATE OR REPLACE FUNCTION cdp_as_date(v jsonb) RETURNS date LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN v #>> '{}' LIKE '____-__-__' AND pg_input_is_valid(v #>> '{}', 'date') THEN (v #>> '{}')::date END;
CREATE OR REPLACE FUNCTION cdp_as_instant(v jsonb) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN v #>> '{}' ~ '^\\d{4}-\\d\\d-\\d\\dT.*(Z|[+-]\\d\\d:\\d\\d)$' AND pg_input_is_valid(v #>> '{}', 'timestamptz')
                THEN (v #>> '{}')::timestamptz END;
DROP FUNCTION cdp_normal, cdp_as_texts, cdp_as_text;
"""


class Migration(migrations.Migration):
    dependencies = [("cdp", "0030_tombstone_law")]
    operations = [migrations.RunSQL(READ, READ_BACK)]
