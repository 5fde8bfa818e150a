-- Post entries between one customer's account and a counter account, check the limit, move the balance, open charges.
-- No row comes back, and nothing is written, when the counter account is missing, there is no such customer, or the
-- limit, or what a balance can hold, would be passed. The UPDATE takes the customer's row lock and sees the newest
-- balance, so the limit holds under any concurrency. A customer's row is always locked before a courier's.
WITH line AS (
    SELECT * FROM unnest(
        %(entries)s::uuid[], %(references)s::text[], %(memos)s::text[], %(amounts)s::numeric[], %(charges)s::uuid[]
    ) AS l (entry_id, reference, memo, amount, charge_id)
), counter AS (
    SELECT id FROM ledger_account WHERE username = %(counter)s
), moved AS (
    UPDATE ledger_account a SET balance = a.balance + %(total)s FROM counter
    WHERE a.id = %(account)s AND a.kind = 'customer'
        AND (NOT %(within_limit)s OR a.balance + %(total)s >= -a.credit_limit)
        AND abs(a.balance + %(total)s) <= %(largest)s
    RETURNING a.id AS account_id, counter.id AS counter_id, a.balance
), payable AS (
    UPDATE ledger_account a SET balance = a.balance - %(total)s FROM moved
    WHERE a.id = moved.counter_id AND a.kind = 'courier'
), entry AS (
    INSERT INTO ledger_entry (id, kind, reference, memo, actor, posted_at)
    SELECT entry_id, %(kind)s, reference, memo, %(actor)s, %(now)s FROM line, moved
), charge AS (
    INSERT INTO ledger_charge (id, account_id, reference, amount, refunded)
    SELECT charge_id, account_id, reference, -amount, 0 FROM line, moved WHERE charge_id IS NOT NULL
), posting AS (
    INSERT INTO ledger_posting (entry_id, account_id, amount)
    SELECT line.entry_id, side.account_id, side.amount FROM line, moved, LATERAL (
        VALUES (moved.account_id, line.amount), (moved.counter_id, -line.amount)
    ) AS side (account_id, amount)
)
SELECT balance FROM moved
