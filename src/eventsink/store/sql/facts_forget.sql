DELETE FROM facts.events WHERE home = $home
