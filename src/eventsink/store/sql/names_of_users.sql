-- What others say of somebody as an author counts where he said nothing of himself.
SELECT id, name FROM (
    SELECT id, name, row_number() OVER (PARTITION BY id ORDER BY own DESC, time DESC, name DESC) AS place
    FROM (
        SELECT "user" AS id, user_name AS name, time, 1 AS own FROM facts.events
        WHERE "user" IN (SELECT unnest($ids)) AND user_name IS NOT NULL AND time >= $since AND time < $until
        UNION ALL
        SELECT author AS id, author_name AS name, time, 0 AS own FROM facts.events
        WHERE author IN (SELECT unnest($ids)) AND author_name IS NOT NULL AND time >= $since AND time < $until
    ) AS said
) AS named
WHERE place = 1
