SELECT home, seq, events FROM facts.read
