from django.db import migrations

# What the JSON of a declared attribute says, or NULL where it says something else.
READ = """
CREATE FUNCTION cdp_as_number(v jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(v) WHEN 'number' THEN (v #>> '{}')::numeric END;
CREATE FUNCTION cdp_as_whole(v jsonb) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN cdp_as_number(v) = trunc(cdp_as_number(v)) AND abs(cdp_as_number(v)) < 1e18
                THEN cdp_as_number(v)::bigint END;
CREATE FUNCTION cdp_as_boolean(v jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(v) WHEN 'boolean' THEN v = 'true'::jsonb END;
CREATE FUNCTION cdp_as_date(v jsonb) RETURNS date LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN v #>> '{}' LIKE '____-__-__' AND pg_input_is_valid(v #>> '{}', 'date') THEN (v #>> '{}')::date END;
CREATE FUNCTION cdp_as_instant(v jsonb) RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE
    RETURN CASE WHEN v #>> '{}' ~ '^\\d{4}-\\d\\d-\\d\\dT.*(Z|[+-]\\d\\d:\\d\\d)$' AND pg_input_is_valid(v #>> '{}', 'timestamptz')
                THEN (v #>> '{}')::timestamptz END;
CREATE FUNCTION cdp_as_list(v jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE jsonb_typeof(v) WHEN 'array' THEN
           ARRAY(SELECT normalize(item, NFKC) FROM jsonb_array_elements_text(v) AS item WHERE item IS NOT NULL) END;
-- 29 February falls on the 28th in a year without one.
CREATE FUNCTION cdp_anniversary(day date, year int) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (day + make_interval(years => year - extract(year FROM day)::int))::date;
"""
READ_BACK = "DROP FUNCTION cdp_anniversary, cdp_as_list, cdp_as_instant, cdp_as_date, cdp_as_boolean, cdp_as_whole, cdp_as_number"

KEEP = """
CREATE FUNCTION cdp_keep_attribute() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (OLD.type, OLD.name) IS DISTINCT FROM (NEW.type, NEW.name) THEN
        IF EXISTS (SELECT FROM cdp_member WHERE attributes ? OLD.name) THEN
            RAISE EXCEPTION 'an attribute keeps its name and type while members have values: %', OLD.name
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER an_attribute_keeps_its_type_while_values_exist BEFORE UPDATE OR DELETE ON cdp_attributedefinition
    FOR EACH ROW EXECUTE FUNCTION cdp_keep_attribute();
"""

GENDERS = [["male", "男", "male"], ["female", "女", "female"], ["other", "其他", "other"]]
STANDARD = (  # name, type, Chinese, English, choices, personal
    ("name", "text", "姓名", "member's name", [], True),
    ("birthday", "date", "生日", "birthday", [], True),
    ("gender", "choice", "性别", "gender", GENDERS, True),
    ("city", "text", "城市", "city", [], False),
    ("occupation", "text", "职业", "occupation", [], False),
    ("tenure_years", "number", "客户年限", "years as a customer", [], False),
    ("family_status", "text", "家庭状况", "family status", [], False),
    ("children", "integer", "子女数", "children", [], False),
    ("card_spend", "money", "刷卡消费", "card spend", [], False),
    ("holdings", "list", "持有产品", "holdings", [], False),
)


def seed(apps, schema_editor):
    definition = apps.get_model("cdp", "AttributeDefinition")
    definition.objects.bulk_create(
        definition(name=name, type=type, label_zh=zh, label_en=en, choices=choices, personal=personal, standard=True)
        for name, type, zh, en, choices, personal in STANDARD
    )


class Migration(migrations.Migration):
    dependencies = [("cdp", "0017_attributes")]
    operations = [
        migrations.RunSQL(READ, READ_BACK),
        migrations.RunSQL(
            KEEP,
            "DROP TRIGGER an_attribute_keeps_its_type_while_values_exist ON cdp_attributedefinition;"
            " DROP FUNCTION cdp_keep_attribute",
        ),
        migrations.RunPython(seed, migrations.RunPython.noop),
    ]
