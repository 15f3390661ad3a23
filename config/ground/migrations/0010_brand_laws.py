from django.db import migrations

# What is missing or no number is refused too: a check passes on null.
LAWS = """
CREATE FUNCTION ground_number(document jsonb, name text) RETURNS numeric IMMUTABLE LANGUAGE sql AS $$
    SELECT CASE jsonb_typeof(document -> name) WHEN 'number' THEN (document ->> name)::numeric END $$;

ALTER TABLE ground_brand
    ADD CONSTRAINT value_tiers_are_shares_in_order CHECK (coalesce(
        0 < ground_number(value_tiers, 'middle')
        AND ground_number(value_tiers, 'middle') < ground_number(value_tiers, 'top')
        AND ground_number(value_tiers, 'top') < 1, false)),
    ADD CONSTRAINT stages_follow_one_another CHECK (coalesce(
        0 < ground_number(stages, 'critical_factor')
        AND ground_number(stages, 'critical_factor') <= ground_number(stages, 'dormant_factor')
        AND ground_number(stages, 'dormant_factor') <= ground_number(stages, 'churned_factor')
        AND 0 <= ground_number(stages, 'critical_floor')
        AND ground_number(stages, 'critical_floor') <= ground_number(stages, 'dormant_floor')
        AND ground_number(stages, 'dormant_floor') <= ground_number(stages, 'churned_floor')
        AND 0 <= ground_number(stages, 'dormant_floor_once')
        AND ground_number(stages, 'dormant_floor_once') <= ground_number(stages, 'churned_floor'), false)),
    ADD CONSTRAINT intervals_begin_somewhere CHECK (coalesce(
        1 <= ground_number(stages, 'default_interval') AND 0 <= ground_number(stages, 'shrinkage'), false));
"""
BACK = """
ALTER TABLE ground_brand DROP CONSTRAINT value_tiers_are_shares_in_order, DROP CONSTRAINT stages_follow_one_another,
    DROP CONSTRAINT intervals_begin_somewhere;
DROP FUNCTION ground_number;
"""


class Migration(migrations.Migration):
    dependencies = [("ground", "0009_login_tries")]
    operations = [migrations.RunSQL(LAWS, BACK)]
