from django.db import migrations

from config.ground import crypto

# In a function, so that the rows are read after the lock was given.
LAWS = """
CREATE FUNCTION ground_blind_keys() RETURNS SETOF ground_blindkey LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('ground.blind_keys'));
    RETURN QUERY SELECT * FROM ground_blindkey k ORDER BY k.written DESC, k.id;
END $$;

-- For tables with a blind and its blind_key whose blinds must be unique: AFTER INSERT, REFERENCING NEW TABLE AS fresh.
CREATE FUNCTION ground_refuse_other_blind_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtext('ground.blind_keys'));
    IF EXISTS (SELECT FROM fresh
               WHERE blind_key IS DISTINCT FROM (SELECT k.id FROM ground_blindkey k WHERE k.written)) THEN
        RAISE EXCEPTION 'rows of % are written under the one blind key that is written', TG_TABLE_NAME
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
"""
NO_LAWS = "DROP FUNCTION ground_refuse_other_blind_key; DROP FUNCTION ground_blind_keys"


def name_the_written(apps, schema_editor):
    version = crypto.blind_keys()[0]
    apps.get_model("ground", "BlindKey").objects.create(id=version, written=True, proof=crypto.proof(version))


class Migration(migrations.Migration):
    dependencies = [("ground", "0007_keys")]
    operations = [
        migrations.RunSQL(LAWS, NO_LAWS),
        migrations.RunPython(name_the_written, migrations.RunPython.noop),
    ]
