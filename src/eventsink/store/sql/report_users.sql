-- Everybody who did something in a span, with the last login before its end.
SELECT people."user", people.last_login, max(said.method) AS provider
FROM (
    SELECT
        "user",
        max(time) FILTER (WHERE type = 'users.login') AS last_login,
        max(time) FILTER (WHERE type IN ('users.login', 'users.signup') AND method IS NOT NULL) AS told
    FROM facts.events
    WHERE seq <= $committed AND time < $until AND "user" IS NOT NULL AND "user" <> '000000000000000000000000'
    GROUP BY "user"
    HAVING max(CASE WHEN time >= $since{where} THEN 1 ELSE 0 END) = 1
) AS people
LEFT JOIN facts.events AS said
    ON said."user" = people."user" AND said.time = people.told AND said.seq <= $committed
    AND said.type IN ('users.login', 'users.signup')
GROUP BY people."user", people.last_login
ORDER BY people."user"
LIMIT $limit
