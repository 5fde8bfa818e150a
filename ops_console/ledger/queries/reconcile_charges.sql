-- Charges that differ from what their customer was booked under the same reference, in amount or in refunds, and from
-- their posted refunds; and bookings whose charge is gone. Expected is what was booked.
WITH booked AS (
    SELECT e.reference, p.account_id,
        coalesce(-sum(p.amount) FILTER (WHERE e.kind <> 'refund'), 0) AS charged,
        coalesce(sum(p.amount) FILTER (WHERE e.kind = 'refund'), 0) AS refunded
    FROM ledger_entry e
    JOIN ledger_posting p ON p.entry_id = e.id
    JOIN ledger_account a ON a.id = p.account_id AND a.kind = 'customer'
    WHERE e.kind IN ('charge', 'adjustment', 'refund') AND e.reference <> ''
    GROUP BY e.reference, p.account_id
), compared AS (
    SELECT coalesce(c.reference, b.reference) AS reference, r.total AS posted,
        coalesce(b.charged, 0) AS charged, c.amount, coalesce(b.refunded, 0) AS booked_refunds, c.refunded
    FROM ledger_charge c
    FULL JOIN booked b ON b.reference = c.reference AND b.account_id = c.account_id
    LEFT JOIN (
        SELECT charge_id, sum(amount) AS total FROM ledger_refund WHERE status = 'posted' GROUP BY charge_id
    ) r ON r.charge_id = c.id
)
SELECT difference.what || reference, difference.expected, difference.found
FROM compared, LATERAL (
    VALUES ('charge of ', charged, amount),
        ('refunds counted on the charge of ', booked_refunds, refunded),
        ('posted refunds of ', booked_refunds, coalesce(posted, 0))
) AS difference (what, expected, found)
WHERE difference.expected IS DISTINCT FROM difference.found
ORDER BY reference, difference.what
