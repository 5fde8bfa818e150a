-- Every chain with its entries in order, read by verify_audit. One statement, so it sees one moment while others append.
-- The full joins keep entries whose chain row is gone, and organizations whose whole chain is.
SELECT
    coalesce(chain.key, entry.chain_id, organization.id::text),
    chain.length,
    chain.head,
    entry.position,
    entry.at,
    entry.actor,
    entry.person_id,
    entry.action,
    entry.target_type,
    entry.target_id,
    entry.before::text,
    entry.after::text,
    entry.reason,
    entry.address,
    entry.hash
FROM audit_auditchain AS chain
FULL JOIN audit_auditentry AS entry ON entry.chain_id = chain.key
FULL JOIN organizations_organization AS organization ON organization.id::text = chain.key
ORDER BY 1, entry.position, entry.id
