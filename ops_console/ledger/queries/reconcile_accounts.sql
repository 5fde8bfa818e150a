-- Customers' and couriers' balances that are not the sum of their postings.
SELECT 'balance of ' || a.username, coalesce(p.total, 0), a.balance
FROM ledger_account a
LEFT JOIN (SELECT account_id, sum(amount) AS total FROM ledger_posting GROUP BY account_id) p ON p.account_id = a.id
WHERE a.kind <> 'house' AND a.balance <> coalesce(p.total, 0)
ORDER BY a.username
