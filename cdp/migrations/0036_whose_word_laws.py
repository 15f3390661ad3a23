from django.db import migrations

_LAW = """
CREATE OR REPLACE FUNCTION cdp_refuse_edited_word() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF ({new}) = ({old})
       AND (NEW.evidence, NEW.wording, NEW.guardian) = ('', '', '')
       AND EXISTS (SELECT FROM cdp_member WHERE id = OLD.member_id AND erased_at IS NOT NULL) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'rows of cdp_consentrecord are append-only' USING ERRCODE = 'integrity_constraint_violation';
END $$;
"""
SAID = "id member_id channel purpose state at source recorded_at".split()
WHOSE = [f"coalesce({{row}}.{name}, 0)" for name in ("identity_id", "merge_id", "during_id")]


def law(columns: list[str]) -> str:
    new, old = (", ".join(column.format(row=row) for column in columns) for row in ("NEW", "OLD"))
    return _LAW.format(new=new, old=old)


BEFORE = [f"{{row}}.{name}" for name in SAID]

# What was said before: which merge said it, and which stood then. While that is written down, nothing else is.
KNOWN = """
CREATE OR REPLACE FUNCTION cdp_refuse_edited_word() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
UPDATE cdp_consentrecord r SET merge_id = m.id FROM cdp_merge m
WHERE m.keep_id = r.member_id AND r.source = '' AND r.evidence = 'merge:' || m.id;
UPDATE cdp_consentrecord r SET during_id = (
    SELECT max(m.id) FROM cdp_merge m WHERE m.keep_id = r.member_id AND m.at <= r.recorded_at
       AND (m.undone_at IS NULL OR m.undone_at > r.recorded_at))
WHERE r.merge_id IS NULL AND EXISTS (SELECT FROM cdp_merge m WHERE m.keep_id = r.member_id AND m.at <= r.recorded_at);
UPDATE cdp_consent c SET merge_id = (
    SELECT max(r.merge_id) FROM cdp_consentrecord r
    WHERE (r.member_id, r.channel, r.purpose, r.at, r.state) = (c.member_id, c.channel, c.purpose, c.at, c.state))
WHERE NOT EXISTS (SELECT FROM cdp_consentrecord r WHERE r.merge_id IS NULL
    AND (r.member_id, r.channel, r.purpose, r.at, r.state) = (c.member_id, c.channel, c.purpose, c.at, c.state));
"""
# A withdrawal holds at once for everybody who is one with the member; until now it did so when they parted.
HEARD = """
INSERT INTO cdp_consentrecord (member_id, channel, purpose, state, at, evidence, source, wording, guardian, recorded_at)
SELECT DISTINCT ON (went.id, r.channel, r.purpose)
       went.id, r.channel, r.purpose, r.state, r.at, r.evidence, r.source, r.wording, r.guardian, r.recorded_at
FROM cdp_member went
JOIN cdp_merge m ON m.drop_id = went.id AND m.undone_at IS NULL
JOIN cdp_consentrecord r ON r.member_id = went.merged_into_id AND r.merge_id IS NULL AND r.state = 'withdrawn'
     AND r.recorded_at >= m.at
WHERE went.erased_at IS NULL
ORDER BY went.id, r.channel, r.purpose, r.at DESC ON CONFLICT DO NOTHING;
INSERT INTO cdp_consent (member_id, channel, purpose, state, at)
SELECT DISTINCT ON (r.member_id, r.channel, r.purpose) r.member_id, r.channel, r.purpose, r.state, r.at
FROM cdp_consentrecord r JOIN cdp_member went ON went.id = r.member_id AND went.merged_into_id IS NOT NULL
WHERE r.state = 'withdrawn'
ORDER BY r.member_id, r.channel, r.purpose, r.at DESC
ON CONFLICT (member_id, channel, purpose) DO UPDATE SET state = excluded.state, at = excluded.at
WHERE (excluded.at, excluded.state) > (cdp_consent.at, cdp_consent.state);
"""


class Migration(migrations.Migration):
    dependencies = [("cdp", "0035_whose_word")]
    operations = [
        migrations.RunSQL(KNOWN + HEARD + law(BEFORE + WHOSE), law(BEFORE)),
        migrations.RunSQL(
            "ALTER TABLE cdp_membertag ALTER said_by SET DEFAULT '{}'",
            "ALTER TABLE cdp_membertag ALTER said_by DROP DEFAULT",
        ),
    ]
