from django.db import migrations

FROZEN = """
CREATE TRIGGER a_template_version_is_frozen BEFORE UPDATE OR DELETE OR TRUNCATE ON connectors_templateversion
    FOR EACH STATEMENT EXECUTE FUNCTION cdp_refuse_change();
"""
UNFROZEN = "DROP TRIGGER a_template_version_is_frozen ON connectors_templateversion"

ATTEMPTS = """
CREATE TRIGGER attempts_are_kept BEFORE DELETE OR TRUNCATE ON connectors_attempt
    FOR EACH STATEMENT EXECUTE FUNCTION cdp_refuse_change();
CREATE FUNCTION connectors_refuse_second_outcome() RETURNS trigger LANGUAGE plpgsql AS $$
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
NO_ATTEMPTS = """
DROP TRIGGER an_outcome_is_written_once ON connectors_attempt;
DROP TRIGGER attempts_are_kept ON connectors_attempt;
DROP FUNCTION connectors_refuse_second_outcome;
"""

# In replay the brand lives in another time: nothing of it may reach a real person. Checked from both sides, one at a time.
SANDBOX_ONLY = """
CREATE FUNCTION connectors_refuse_real_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('a_replay_reaches_no_real_person'));
    IF EXISTS (SELECT FROM ground_brand WHERE clock_mode = 'replay')
       AND EXISTS (SELECT FROM connectors_provideraccount WHERE enabled AND NOT sandbox) THEN
        RAISE EXCEPTION 'only sandbox accounts are enabled while the clock is in replay'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER a_replay_reaches_no_real_person AFTER INSERT OR UPDATE OF enabled, sandbox ON connectors_provideraccount
    FOR EACH ROW WHEN (NEW.enabled AND NOT NEW.sandbox) EXECUTE FUNCTION connectors_refuse_real_account();
CREATE TRIGGER a_replay_reaches_no_real_person AFTER INSERT OR UPDATE OF clock_mode ON ground_brand
    FOR EACH ROW WHEN (NEW.clock_mode = 'replay') EXECUTE FUNCTION connectors_refuse_real_account();
"""
NOT_SANDBOX_ONLY = """
DROP TRIGGER a_replay_reaches_no_real_person ON ground_brand;
DROP TRIGGER a_replay_reaches_no_real_person ON connectors_provideraccount;
DROP FUNCTION connectors_refuse_real_account;
"""


class Migration(migrations.Migration):
    dependencies = [("connectors", "0001_initial"), ("cdp", "0002_laws"), ("ground", "0001_initial")]
    operations = [
        migrations.RunSQL(FROZEN, UNFROZEN),
        migrations.RunSQL(ATTEMPTS, NO_ATTEMPTS),
        migrations.RunSQL(SANDBOX_ONLY, NOT_SANDBOX_ONLY),
    ]
