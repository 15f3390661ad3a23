from django.db import migrations

from config.ground import crypto

# Until now there was one key, which everything that is sealed names; whoever wrote to anybody has an account with secrets.
NAMED = """
UPDATE {table} SET blind_key = coalesce(
    (SELECT 'field:' || convert_from(substring(secrets FROM 2 FOR get_byte(secrets, 0)), 'UTF8')
     FROM connectors_provideraccount ORDER BY id LIMIT 1),
    (SELECT id FROM ground_blindkey WHERE written))
"""

AN_ADDRESS_MAY_CHANGE_ITS_KEY = """
CREATE OR REPLACE FUNCTION connectors_refuse_second_outcome() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.id, OLD.message_id, OLD.n, OLD.submission_id) = (NEW.id, NEW.message_id, NEW.n, NEW.submission_id) AND (
           OLD.outcome = '' AND NEW.outcome <> '' AND (OLD.address, OLD.blind_key) = (NEW.address, NEW.blind_key)
        OR (OLD.outcome, OLD.code) = (NEW.outcome, NEW.code) AND OLD.blind_key <> NEW.blind_key) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an outcome is written once' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER an_outcome_is_written_once BEFORE UPDATE ON connectors_attempt
    FOR EACH ROW EXECUTE FUNCTION connectors_refuse_second_outcome();
"""
IT_MAY_NOT = """
CREATE OR REPLACE FUNCTION connectors_refuse_second_outcome() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.outcome = '' AND NEW.outcome <> '' AND (OLD.id, OLD.message_id, OLD.n, OLD.submission_id, OLD.address)
                                                = (NEW.id, NEW.message_id, NEW.n, NEW.submission_id, NEW.address) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an outcome is written once' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER an_outcome_is_written_once BEFORE UPDATE ON connectors_attempt
    FOR EACH ROW EXECUTE FUNCTION connectors_refuse_second_outcome();
"""
SLEEP = "DROP TRIGGER an_outcome_is_written_once ON connectors_attempt"


def prove_blind_keys(apps, schema_editor):
    known = apps.get_model("ground", "BlindKey").objects
    for model in ("Attempt", "BlockedAddress"):
        for version in apps.get_model("connectors", model).objects.values_list("blind_key", flat=True).distinct():
            known.get_or_create(id=version, defaults={"written": False, "proof": crypto.proof(version)})


class Migration(migrations.Migration):
    dependencies = [("connectors", "0003_blind_keys"), ("cdp", "0011_protection_laws")]
    operations = [
        migrations.RunSQL(SLEEP, IT_MAY_NOT),
        migrations.RunSQL(NAMED.format(table="connectors_attempt"), migrations.RunSQL.noop),
        migrations.RunSQL(NAMED.format(table="connectors_blockedaddress"), migrations.RunSQL.noop),
        migrations.RunPython(prove_blind_keys, migrations.RunPython.noop),
        migrations.RunSQL(AN_ADDRESS_MAY_CHANGE_ITS_KEY, SLEEP),
    ]
