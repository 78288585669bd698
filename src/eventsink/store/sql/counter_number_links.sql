INSERT INTO counter_links
SELECT row_number() OVER (ORDER BY link), link
FROM (SELECT DISTINCT link FROM counter_judged WHERE link IS NOT NULL) AS links
