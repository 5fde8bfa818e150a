"""What workers have yet to do for the campaigns that run, by channel; read without counting deliveries."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

# The steps that send, of the campaigns that run.
SENDING = """
WITH sending AS MATERIALIZED (
    SELECT c.id AS campaign_id, s.id AS step_id,
        c.paused_at IS NULL AND c.rate_per_s IS NULL AS is_urgent,
        COALESCE(NULLIF(w -> 'sendNotification' ->> 'type', ''), 'push') AS channel
    FROM campaigns_campaign c
    JOIN campaigns_campaignstep s ON s.campaign_id = c.id AND s.type = 'send_notification'
    CROSS JOIN jsonb_array_elements(c.workflow -> 'steps') w
    WHERE c.status = 'running' AND w ->> 'id' = s.key
)
"""
PENDING = """
SELECT s.channel, sum(CASE WHEN f.to_status = 'pending' THEN f.n ELSE -f.n END)
FROM sending s JOIN campaigns_campaignflow f ON f.campaign_id = s.campaign_id AND f.step_id = s.step_id
WHERE 'pending' IN (f.to_status, f.from_status) GROUP BY s.channel
"""
# Of a campaign only the first thousands that are due are looked at: one of another channel behind them is younger.
OLDEST = """
SELECT lane.channel, min(oldest.due_at)
FROM (SELECT campaign_id, channel, array_agg(step_id) AS steps FROM sending WHERE is_urgent GROUP BY 1, 2) lane
CROSS JOIN LATERAL (
    SELECT first.due_at FROM (
        SELECT d.due_at, d.step_id FROM campaigns_delivery d
        WHERE d.campaign_id = lane.campaign_id AND d.due_at <= %s ORDER BY d.due_at LIMIT 5000
    ) first WHERE first.step_id = ANY(lane.steps) ORDER BY first.due_at LIMIT 1
) oldest GROUP BY lane.channel
"""


def pending() -> dict[str, int]:
    """How many deliveries of running campaigns are pending, paused ones included; sums over counters."""
    return _by_channel(PENDING)


def oldest_due(now: datetime) -> dict[str, datetime]:
    """Since when the oldest delivery or reminder is due, where one is; an index look-up for each running campaign.

    Campaigns that are paused, or have a rate of their own, wait on purpose and are left out.
    """
    return _by_channel(OLDEST, now)


def _by_channel(query: str, *values: Any) -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute(SENDING + query, values)
        return dict(cursor.fetchall())
