INSERT INTO counter_people
SELECT row_number() OVER (ORDER BY who), who FROM (SELECT DISTINCT who FROM counter_judged WHERE who IS NOT NULL) AS people
