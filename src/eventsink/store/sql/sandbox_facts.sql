SELECT {columns} FROM facts.events WHERE {condition}
