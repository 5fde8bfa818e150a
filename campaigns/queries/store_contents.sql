-- Keep rendered contents that are not kept yet. Parameters: organization, now, then one array for each column.
-- Returns digest and id of those that were added.
INSERT INTO campaigns_content (organization_id, created_at, digest, title, summary, preview, body, actions)
SELECT %s, %s, added.digest, added.title, added.summary, added.preview, added.body, added.actions::jsonb
FROM unnest(%s::bytea[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
    AS added (digest, title, summary, preview, body, actions)
ORDER BY added.digest
ON CONFLICT (organization_id, digest) DO NOTHING
RETURNING digest, id
