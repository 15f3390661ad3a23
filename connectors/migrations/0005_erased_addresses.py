from django.db import migrations

# The blind index of an address finds its owner again for whoever holds the key: of an erased member it is replaced by noise.
REFUSE = """
CREATE OR REPLACE FUNCTION connectors_refuse_second_outcome() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.id, OLD.message_id, OLD.n, OLD.submission_id) = (NEW.id, NEW.message_id, NEW.n, NEW.submission_id) AND (
           OLD.outcome = '' AND NEW.outcome <> '' AND (OLD.address, OLD.blind_key) = (NEW.address, NEW.blind_key)
        OR (OLD.outcome, OLD.code) = (NEW.outcome, NEW.code) AND OLD.blind_key <> NEW.blind_key{or_erased}) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an outcome is written once' USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""
ERASED = """
        OR (OLD.outcome, OLD.code) = (NEW.outcome, NEW.code)
           AND EXISTS (SELECT FROM connectors_message m JOIN cdp_member p ON p.id = m.member_id
                       WHERE m.id = OLD.message_id AND p.erased_at IS NOT NULL)"""


class Migration(migrations.Migration):
    dependencies = [("connectors", "0004_blind_keys_of_addresses"), ("cdp", "0015_consent_and_erasure")]
    operations = [migrations.RunSQL(REFUSE.format(or_erased=ERASED), REFUSE.format(or_erased=""))]
