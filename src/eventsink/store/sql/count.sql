SELECT count(*) FROM {month}.events WHERE {conditions}
