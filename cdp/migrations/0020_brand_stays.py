from django.db import migrations

STAYS = """
CREATE FUNCTION cdp_brand_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM cdp_order) THEN
        RAISE EXCEPTION 'timezone and currency stay once there are orders'
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER timezone_and_currency_stay_once_there_are_orders BEFORE UPDATE OF timezone, currency ON ground_brand
    FOR EACH ROW WHEN ((NEW.timezone, NEW.currency) IS DISTINCT FROM (OLD.timezone, OLD.currency))
    EXECUTE FUNCTION cdp_brand_stays();
"""


class Migration(migrations.Migration):
    dependencies = [("cdp", "0019_tags"), ("ground", "0010_brand_laws")]
    operations = [
        migrations.RunSQL(
            STAYS,
            "DROP TRIGGER timezone_and_currency_stay_once_there_are_orders ON ground_brand; DROP FUNCTION cdp_brand_stays",
        )
    ]
