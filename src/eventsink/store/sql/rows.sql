SELECT * FROM {month}.events
