SELECT {columns} FROM {month}.events WHERE {condition}
