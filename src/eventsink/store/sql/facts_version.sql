SELECT version FROM facts.version
