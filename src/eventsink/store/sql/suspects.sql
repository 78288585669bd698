-- The key alone: a few milliseconds among millions of rows, and normally the answer is none.
SELECT id FROM batch SEMI JOIN {month}.events AS stored ON stored.key = event_key(batch.id)
