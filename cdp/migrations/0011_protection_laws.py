from django.db import migrations

from config.ground import crypto

# Until now identities were sealed and blinded under the same key, which the sealed value names.
NAME_BLIND_KEYS = """
UPDATE cdp_identity SET blind_key = 'field:' || convert_from(substring(sealed FROM 2 FOR get_byte(sealed, 0)), 'UTF8')
"""

LAWS = """
CREATE TRIGGER identities_are_written_under_one_blind_key AFTER INSERT ON cdp_identity
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION ground_refuse_other_blind_key();
ALTER TABLE cdp_event ADD COLUMN sealed bytea;
-- What was destroyed lies in the table's file until a vacuum; the next one comes within a minute.
ALTER TABLE cdp_datakey SET (autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0);
"""
NO_LAWS = """
ALTER TABLE cdp_event DROP COLUMN sealed;
DROP TRIGGER identities_are_written_under_one_blind_key ON cdp_identity;
"""


def prove_blind_keys(apps, schema_editor):
    """The versions that rows have, each with its proof: raises KeyMissing without the key."""
    known = apps.get_model("ground", "BlindKey").objects
    for version in apps.get_model("cdp", "Identity").objects.values_list("blind_key", flat=True).distinct():
        known.get_or_create(id=version, defaults={"written": False, "proof": crypto.proof(version)})


class Migration(migrations.Migration):
    dependencies = [("cdp", "0010_protection")]
    operations = [
        migrations.RunSQL(NAME_BLIND_KEYS, migrations.RunSQL.noop),
        migrations.RunPython(prove_blind_keys, migrations.RunPython.noop),
        migrations.RunSQL(LAWS, NO_LAWS),
    ]
