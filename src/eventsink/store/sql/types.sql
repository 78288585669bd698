SELECT type, count FROM temp.types ORDER BY count DESC, type
