SELECT stored.source, stored.id FROM {month}.events AS stored SEMI JOIN batch ON stored.key = event_key(batch.id)
