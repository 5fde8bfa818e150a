"""Keep touches by the day they arrive on. Before deploy.

Neither table has a model: touches are written by COPY and read in columns. No foreign keys: a member or screen is
checked when its touches arrive, and thousands of them a second would each be checked again.
"""

from __future__ import annotations

from django.db import migrations

TOUCHES = """
CREATE TABLE campaigns_touch (
    -- By our clock, and by the device's if it told.
    received_at timestamptz NOT NULL,
    client_at timestamptz,
    screen_id bigint NOT NULL,
    member_id uuid NOT NULL,
    x real NOT NULL,
    y real NOT NULL,
    screen_width integer NOT NULL,
    screen_height integer NOT NULL,
    -- Of the finest grid, row by row: 0 to 39,999.
    cell integer NOT NULL,
    event_type smallint NOT NULL
) PARTITION BY RANGE (received_at);
-- A heatmap: with all it reads, so that touches of other screens between them cost it nothing.
CREATE INDEX touch_of_screen ON campaigns_touch (screen_id, received_at) INCLUDE (member_id, cell, event_type);
-- Takes what has no partition, so that no touch is ever refused for that.
CREATE TABLE campaigns_touch_default PARTITION OF campaigns_touch DEFAULT;
"""
DAYS = """
CREATE TABLE campaigns_touchday (
    screen_id bigint NOT NULL,
    day date NOT NULL,
    member_id uuid NOT NULL,
    -- One behind the other, each of 8 bytes, the highest first: hour of the day (1 byte), kind of event (1), cell (2),
    -- and how often (4).
    entries bytea NOT NULL
) PARTITION BY RANGE (day);
-- Compressing them gains little and takes long.
ALTER TABLE campaigns_touchday ALTER COLUMN entries SET STORAGE EXTERNAL;
-- A heatmap. Rows are written in this order, so that those of a screen lie together.
CREATE INDEX touchday_of_screen ON campaigns_touchday (screen_id, day);
"""


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0009_screens")]

    operations = [
        migrations.RunSQL(TOUCHES, "DROP TABLE campaigns_touch"),
        migrations.RunSQL(DAYS, "DROP TABLE campaigns_touchday"),
    ]
