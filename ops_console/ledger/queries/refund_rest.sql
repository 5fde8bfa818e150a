-- Refund whatever is left of each charge and post it; gives back each charge's reference and what was refunded.
-- Charges are locked before accounts, each by id, so that batches in any order never wait for each other in a ring.
WITH wanted AS (
    SELECT * FROM unnest(%(references)s::text[], %(entries)s::uuid[], %(refunds)s::uuid[])
        AS w (reference, entry_id, refund_id)
), house AS MATERIALIZED (
    SELECT id FROM ledger_account WHERE username = %(revenue)s
), charge AS MATERIALIZED (
    SELECT c.id, c.account_id, c.reference, c.amount - c.refunded AS rest, w.entry_id, w.refund_id
    FROM ledger_charge c JOIN wanted w USING (reference)
    WHERE c.refunded < c.amount ORDER BY c.id FOR NO KEY UPDATE OF c
), account AS MATERIALIZED (
    SELECT a.id, t.total FROM ledger_account a
    JOIN (SELECT account_id, sum(rest) AS total FROM charge GROUP BY account_id) t ON t.account_id = a.id
    ORDER BY a.id FOR NO KEY UPDATE OF a
), paid AS (
    UPDATE ledger_account a SET balance = a.balance + account.total FROM account WHERE a.id = account.id
), settled AS (
    UPDATE ledger_charge c SET refunded = c.refunded + charge.rest FROM charge WHERE c.id = charge.id
), entry AS (
    INSERT INTO ledger_entry (id, kind, reference, memo, actor, posted_at)
    SELECT entry_id, 'refund', reference, %(reason)s, %(actor)s, %(now)s FROM charge
), posting AS (
    INSERT INTO ledger_posting (entry_id, account_id, amount)
    SELECT charge.entry_id, side.account_id, side.amount FROM charge, house, LATERAL (
        VALUES (charge.account_id, charge.rest), (house.id, -charge.rest)
    ) AS side (account_id, amount)
), refund AS (
    INSERT INTO ledger_refund (id, charge_id, entry_id, origin, amount, reason, status, created_at, decided_at)
    SELECT refund_id, id, entry_id, 'system', rest, %(reason)s, 'posted', %(now)s, %(now)s FROM charge
), event AS (
    INSERT INTO ledger_refundevent (subject_id, from_status, to_status, actor, reason, at)
    SELECT refund_id, '', 'posted', %(actor)s, %(reason)s, %(now)s FROM charge
)
SELECT reference, rest FROM charge
