DELETE FROM facts.read WHERE home = $home
