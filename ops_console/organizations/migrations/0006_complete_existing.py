from __future__ import annotations

from django.db import migrations

# Roles that are there get their slug, organizations their default team and group with everybody in them.
FORWARDS = """
UPDATE organizations_role SET slug = lower(name);
UPDATE organizations_role SET name = CASE slug
    WHEN 'super_admin' THEN 'Super admin' WHEN 'admin' THEN 'Admin' WHEN 'manager' THEN 'Manager' ELSE 'Employee' END
WHERE slug IN ('super_admin', 'admin', 'manager', 'employee');
UPDATE organizations_organization o
SET member_count = (SELECT count(*) FROM organizations_member m WHERE m.organization_id = o.id);
INSERT INTO organizations_team
    (id, organization_id, name, description, is_default, member_count, created_at, updated_at)
SELECT gen_random_uuid(), id, 'General', '', true, 0, created_at, created_at FROM organizations_organization;
INSERT INTO organizations_group
    (id, organization_id, name, description, is_default, member_count, created_at, updated_at)
SELECT gen_random_uuid(), id, 'Everyone', '', true, member_count, created_at, created_at
FROM organizations_organization;
INSERT INTO organizations_groupmember (group_id, member_id, added_at)
SELECT g.id, m.id, m.created_at
FROM organizations_group g JOIN organizations_member m USING (organization_id);
"""


class Migration(migrations.Migration):
    dependencies = [("organizations", "0005_members_teams_groups")]

    operations = [migrations.RunSQL(FORWARDS, migrations.RunSQL.noop)]
