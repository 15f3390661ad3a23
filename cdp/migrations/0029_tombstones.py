from django.db import migrations

# Of those who were erased before: the instant of their registration, and what was written of them where they were merged away.
FORGET = """
UPDATE cdp_member SET registered_at = NULL, synthetic = false
WHERE erased_at IS NOT NULL AND (registered_at IS NOT NULL OR synthetic);
UPDATE ground_auditrow a SET detail = a.detail - 'reason'
FROM cdp_merge m JOIN cdp_member p ON p.id IN (m.keep_id, m.drop_id) AND p.erased_at IS NOT NULL
WHERE a.subject = 'member:' || m.keep_id AND a.action IN ('member.merge', 'member.unmerge')
  AND a.detail ->> 'merge' = m.id::text AND a.detail ? 'reason';
UPDATE cdp_merge m SET reason = '' FROM cdp_member p
WHERE p.id IN (m.keep_id, m.drop_id) AND p.erased_at IS NOT NULL AND m.reason <> '';
"""


class Migration(migrations.Migration):
    dependencies = [("cdp", "0028_told_of_who_exists"), ("ground", "0001_initial")]
    operations = [migrations.RunSQL(FORGET, migrations.RunSQL.noop)]
