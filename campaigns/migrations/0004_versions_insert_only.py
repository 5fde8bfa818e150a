"""Have the database itself keep versions of templates as they are. Before deploy: the code before it changed none."""

from __future__ import annotations

from django.db import migrations

FORWARD = """
CREATE FUNCTION campaigns_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is insert-only: add a version instead', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', TABLE = TG_TABLE_NAME, SCHEMA = TG_TABLE_SCHEMA;
END $$;

-- By row, for Django asks for changes of rows that may not be there.
CREATE TRIGGER campaigns_version_insert_only BEFORE UPDATE OR DELETE ON campaigns_templateversion
    FOR EACH ROW EXECUTE FUNCTION campaigns_refuse_change();

CREATE TRIGGER campaigns_version_stays BEFORE TRUNCATE ON campaigns_templateversion
    FOR EACH STATEMENT EXECUTE FUNCTION campaigns_refuse_change();
"""

REVERSE = """
DROP TRIGGER campaigns_version_stays ON campaigns_templateversion;
DROP TRIGGER campaigns_version_insert_only ON campaigns_templateversion;
DROP FUNCTION campaigns_refuse_change();
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0003_creators_and_holds")]

    operations = [migrations.RunSQL(FORWARD, REVERSE)]
