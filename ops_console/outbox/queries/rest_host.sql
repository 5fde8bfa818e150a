-- Let a silent host rest, twice as long each time. One that rests already does not: the calls that were under way
-- together are one silence.
INSERT INTO outbox_silenthost (host, n_failures, rests_until)
VALUES (%(host)s, 1, %(now)s + make_interval(secs => %(first_s)s))
ON CONFLICT (host) DO UPDATE SET
    n_failures = outbox_silenthost.n_failures + 1,
    rests_until = %(now)s + make_interval(secs => least(%(longest_s)s, %(first_s)s * power(2, least(outbox_silenthost.n_failures, 32))))
WHERE outbox_silenthost.rests_until <= %(now)s
