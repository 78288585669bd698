SELECT count(*) FROM ({rows}) WHERE {conditions}
