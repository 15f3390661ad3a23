from django.db import migrations

# Locking whom it names, so that two that name each other at the same moment meet here too.
STANDS = """
CREATE FUNCTION cdp_who_stands_is_not_merged_away() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM cdp_member WHERE id = NEW.merged_into_id AND merged_into_id IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND OR EXISTS (SELECT FROM cdp_member WHERE merged_into_id = NEW.id) THEN
        RAISE EXCEPTION 'member % cannot be merged into %, and others into it: merges never go in circles or rows',
            NEW.id, NEW.merged_into_id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER who_stands_is_not_merged_away AFTER INSERT OR UPDATE OF merged_into_id ON cdp_member
    FOR EACH ROW WHEN (NEW.merged_into_id IS NOT NULL) EXECUTE FUNCTION cdp_who_stands_is_not_merged_away();
"""
ONCE = """
CREATE FUNCTION cdp_refuse_second_undoing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a merge is undone at most once' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER a_merge_is_undone_at_most_once BEFORE UPDATE OF undone_at, undone_by, keep_id, drop_id ON cdp_merge
    FOR EACH ROW WHEN (OLD.undone_at IS NOT NULL) EXECUTE FUNCTION cdp_refuse_second_undoing();
"""


class Migration(migrations.Migration):
    dependencies = [("cdp", "0006_merging")]
    operations = [
        migrations.RunSQL(
            STANDS,
            "DROP TRIGGER who_stands_is_not_merged_away ON cdp_member; DROP FUNCTION cdp_who_stands_is_not_merged_away",
        ),
        migrations.RunSQL(
            ONCE, "DROP TRIGGER a_merge_is_undone_at_most_once ON cdp_merge; DROP FUNCTION cdp_refuse_second_undoing"
        ),
    ]
