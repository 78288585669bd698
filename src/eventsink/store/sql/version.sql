SELECT max(version) FROM {month}.migrations
