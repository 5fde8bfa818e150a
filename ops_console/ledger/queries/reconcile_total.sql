-- The sum of all postings, unless it is zero.
SELECT 'sum of all postings', 0::numeric, sum(amount) FROM ledger_posting HAVING sum(amount) <> 0
