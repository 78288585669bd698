SELECT count(*), min(time), max(time) FROM ({rows}) WHERE {conditions}
