from django.db import migrations

# Read anew when the transaction ends, one transaction after the other: two editors cannot make a circle together.
LAWS = """
    CREATE FUNCTION cdp_in_order() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE wrong text;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtext('cdp_in_order'));
        WITH defined AS (
            SELECT 'segment:' || key AS name, level, needs FROM cdp_segment
            UNION ALL SELECT 'tag:' || t.family || ':' || t.name, r.level, r.needs
            FROM cdp_tagrule r JOIN cdp_tag t ON t.id = r.tag_id),
        needed AS (SELECT d.name, d.level, need FROM defined d, unnest(d.needs) AS need)
        SELECT n.name || ' needs ' || n.need INTO wrong
        FROM needed n LEFT JOIN defined d ON d.name = n.need
        WHERE d.level >= n.level OR (d.name IS NULL AND n.need LIKE 'segment:%') LIMIT 1;
        IF wrong IS NOT NULL THEN
            RAISE EXCEPTION 'what_a_definition_needs_comes_before_it: %', wrong USING ERRCODE = 'check_violation',
                CONSTRAINT = 'what_a_definition_needs_comes_before_it';
        END IF;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER what_a_segment_needs_comes_before_it
        AFTER INSERT OR DELETE OR UPDATE OF key, level, needs ON cdp_segment
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cdp_in_order();
    CREATE CONSTRAINT TRIGGER what_a_tag_rule_needs_comes_before_it
        AFTER INSERT OR DELETE OR UPDATE OF tag_id, level, needs ON cdp_tagrule
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cdp_in_order();
"""
UNDO = """
    DROP TRIGGER what_a_tag_rule_needs_comes_before_it ON cdp_tagrule;
    DROP TRIGGER what_a_segment_needs_comes_before_it ON cdp_segment;
    DROP FUNCTION cdp_in_order();
"""


class Migration(migrations.Migration):
    dependencies = [("cdp", "0037_segments")]
    operations = [migrations.RunSQL(LAWS, UNDO)]
