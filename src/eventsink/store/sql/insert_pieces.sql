INSERT INTO {month}.pieces BY NAME SELECT seq, field, number::INTEGER AS number, text FROM batch_pieces
