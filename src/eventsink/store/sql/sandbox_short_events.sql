SELECT {columns} FROM {month}.events ANTI JOIN {month}.pieces USING (seq) WHERE {condition}
