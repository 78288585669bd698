-- Double-clicks: the same user on the same link, and again within 30 seconds: the earlier one goes. Of
-- events of nobody, each a session of its own, only what was sent twice is one: within a second.
INSERT INTO counter_retained
SELECT seq, time, request, who, slice, link, dataset, machine, classified, nobody, country, bytes
FROM (
    SELECT
        settled.seq, settled.time, request, people.number AS who, slice, links.number AS link,
        datasets.number AS dataset, machine, classified, nobody, country, bytes,
        lead(settled.time) OVER (PARTITION BY people.number, part, links.number ORDER BY settled.time, settled.seq)
            AS next
    FROM ({settled}) AS settled
    JOIN counter_people AS people ON people.who = settled.who
    JOIN counter_links AS links ON links.link = settled.link
    JOIN counter_datasets AS datasets ON datasets.dataset = settled.dataset
    WHERE reason IS NULL
) AS followed
WHERE time < $end
    AND (next IS NULL OR next - time > CASE WHEN nobody = 1 AND $anonymous = 'separate' THEN 1000000 ELSE 30000000 END)
