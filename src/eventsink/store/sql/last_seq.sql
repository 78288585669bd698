SELECT max(seq) FROM {month}.events
