from django.db import migrations

WORDS = """
DROP TRIGGER consent_records_are_append_only ON cdp_consentrecord;
CREATE TRIGGER consent_records_are_append_only BEFORE DELETE OR TRUNCATE ON cdp_consentrecord
    FOR EACH STATEMENT EXECUTE FUNCTION cdp_refuse_change();
-- What may name a person is emptied when the member is erased; that, when and by whom it was said stays.
CREATE FUNCTION cdp_refuse_edited_word() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.member_id, NEW.channel, NEW.purpose, NEW.state, NEW.at, NEW.source, NEW.recorded_at)
       = (OLD.id, OLD.member_id, OLD.channel, OLD.purpose, OLD.state, OLD.at, OLD.source, OLD.recorded_at)
       AND (NEW.evidence, NEW.wording, NEW.guardian) = ('', '', '')
       AND EXISTS (SELECT FROM cdp_member WHERE id = OLD.member_id AND erased_at IS NOT NULL) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'rows of cdp_consentrecord are append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER a_word_is_never_edited BEFORE UPDATE ON cdp_consentrecord
    FOR EACH ROW EXECUTE FUNCTION cdp_refuse_edited_word();
"""
NO_WORDS = """
DROP TRIGGER a_word_is_never_edited ON cdp_consentrecord;
DROP FUNCTION cdp_refuse_edited_word;
DROP TRIGGER consent_records_are_append_only ON cdp_consentrecord;
CREATE TRIGGER consent_records_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON cdp_consentrecord
    FOR EACH STATEMENT EXECUTE FUNCTION cdp_refuse_change();
"""

ERASED = """
CREATE FUNCTION cdp_refuse_name_of_erased() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM cdp_identity i JOIN cdp_member m ON m.id = i.member_id
               WHERE i.id = NEW.id AND m.erased_at IS NOT NULL) THEN
        RAISE EXCEPTION 'nothing names an erased member' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NULL;
END $$;
-- At the commit: a batch that planned with a member who was erased meanwhile finds that out by itself, and hands over.
CREATE CONSTRAINT TRIGGER nothing_names_an_erased_member AFTER INSERT OR UPDATE OF member_id ON cdp_identity
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cdp_refuse_name_of_erased();
CREATE FUNCTION cdp_refuse_return() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'an erasure is final' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER an_erasure_is_final BEFORE UPDATE OF erased_at ON cdp_member
    FOR EACH ROW WHEN (OLD.erased_at IS NOT NULL AND NEW.erased_at IS DISTINCT FROM OLD.erased_at)
    EXECUTE FUNCTION cdp_refuse_return();
CREATE TRIGGER erasure_receipts_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON cdp_erasurereceipt
    FOR EACH STATEMENT EXECUTE FUNCTION cdp_refuse_change();
"""
NOT_ERASED = """
DROP TRIGGER erasure_receipts_are_append_only ON cdp_erasurereceipt;
DROP TRIGGER an_erasure_is_final ON cdp_member;
DROP FUNCTION cdp_refuse_return;
DROP TRIGGER nothing_names_an_erased_member ON cdp_identity;
DROP FUNCTION cdp_refuse_name_of_erased;
"""


class Migration(migrations.Migration):
    dependencies = [("cdp", "0015_consent_and_erasure")]
    operations = [migrations.RunSQL(WORDS, NO_WORDS), migrations.RunSQL(ERASED, NOT_ERASED)]
