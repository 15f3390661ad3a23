from django.db import migrations

# The blind index of an address finds its owner again for whoever holds the key: of an erased member it is replaced by noise.
FORGOTTEN = """
CREATE OR REPLACE FUNCTION connectors_refuse_second_outcome() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.outcome = '' AND NEW.outcome <> '' AND (OLD.id, OLD.message_id, OLD.n, OLD.submission_id, OLD.address)
                                                = (NEW.id, NEW.message_id, NEW.n, NEW.submission_id, NEW.address) THEN
        RETURN NEW;
    END IF;
    IF (OLD.id, OLD.message_id, OLD.n, OLD.submission_id, OLD.outcome, OLD.code)
       = (NEW.id, NEW.message_id, NEW.n, NEW.submission_id, NEW.outcome, NEW.code)
       AND EXISTS (SELECT FROM connectors_message m JOIN cdp_member p ON p.id = m.member_id
                   WHERE m.id = OLD.message_id AND p.erased_at IS NOT NULL) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an outcome is written once' USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""
REMEMBERED = """
CREATE OR REPLACE FUNCTION connectors_refuse_second_outcome() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.outcome = '' AND NEW.outcome <> '' AND (OLD.id, OLD.message_id, OLD.n, OLD.submission_id, OLD.address)
                                                = (NEW.id, NEW.message_id, NEW.n, NEW.submission_id, NEW.address) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an outcome is written once' USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("connectors", "0002_laws"), ("cdp", "0008_consent_and_erasure")]
    operations = [migrations.RunSQL(FORGOTTEN, REMEMBERED)]
