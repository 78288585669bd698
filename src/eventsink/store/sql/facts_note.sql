INSERT INTO facts.read VALUES ($home, $seq, $events)
