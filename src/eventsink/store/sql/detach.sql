DETACH {month}
