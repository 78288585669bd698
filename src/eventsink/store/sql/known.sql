-- By the source as well, or one id that comes under a million sources would be looked up as often.
SELECT stored.source, stored.id
FROM {month}.events AS stored SEMI JOIN batch ON stored.key = event_key(batch.id) AND stored.source = batch.source
