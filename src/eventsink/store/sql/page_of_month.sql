SELECT seq FROM {month}.events WHERE {conditions} ORDER BY seq {order} LIMIT {limit}
