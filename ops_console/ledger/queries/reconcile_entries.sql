-- Entries whose postings do not sum to zero, or that have none.
SELECT 'postings of entry ' || e.id, 0::numeric, p.total
FROM ledger_entry e
LEFT JOIN (SELECT entry_id, sum(amount) AS total FROM ledger_posting GROUP BY entry_id) p ON p.entry_id = e.id
WHERE p.total IS DISTINCT FROM 0
ORDER BY e.id
