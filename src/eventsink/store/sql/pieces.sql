SELECT seq, field, number, text FROM {month}.pieces WHERE seq IN (SELECT unnest($seqs))
