SELECT seq FROM {month}.events WHERE seq > $after AND seq <= $last AND data = '' ORDER BY seq
