-- Claim the webhooks that are due: at most %(free)s, at most %(per_host)s of a host under way, and one of a host that
-- was silent and has rested. A host with ten thousand pending costs one index probe like any other.
-- Leases them: until %(until)s they are not due.
WITH RECURSIVE host AS (
    (SELECT host, due_at FROM outbox_webhook WHERE status = 'pending' ORDER BY host, due_at LIMIT 1)
    UNION ALL
    SELECT next.host, next.due_at FROM host CROSS JOIN LATERAL (
        SELECT w.host, w.due_at FROM outbox_webhook w
        WHERE w.status = 'pending' AND w.host > host.host
        ORDER BY w.host, w.due_at LIMIT 1
    ) next
), room AS MATERIALIZED (
    SELECT host.host, host.due_at,
        CASE WHEN silent.host IS NULL THEN %(per_host)s ELSE 1 END - (
            SELECT count(*) FROM outbox_webhook w
            WHERE w.host = host.host AND w.status = 'pending' AND w.leased_by <> '' AND w.lease_until > %(now)s
        ) AS n
    FROM host LEFT JOIN outbox_silenthost silent ON silent.host = host.host
    WHERE host.due_at <= %(now)s AND (silent.rests_until IS NULL OR silent.rests_until <= %(now)s)
), open AS MATERIALIZED (
    SELECT host, n FROM room WHERE n > 0 ORDER BY due_at LIMIT %(free)s
), due AS MATERIALIZED (
    SELECT d.id, d.due_at, open.host FROM open CROSS JOIN LATERAL (
        SELECT w.id, w.due_at FROM outbox_webhook w
        WHERE w.host = open.host AND w.status = 'pending' AND w.due_at <= %(now)s
        ORDER BY w.due_at LIMIT open.n
        FOR UPDATE SKIP LOCKED
    ) d
), placed AS (
    SELECT id, due_at, row_number() OVER (PARTITION BY host ORDER BY due_at) AS place FROM due
), chosen AS (
    SELECT id FROM placed ORDER BY place, due_at LIMIT %(free)s
)
UPDATE outbox_webhook w SET leased_by = %(worker)s, lease_until = %(until)s, due_at = %(until)s
FROM chosen WHERE w.id = chosen.id
RETURNING w.id, w.organization_id, w.url, w.event, w.created_at, w.payload, w.headers
