DETACH facts
