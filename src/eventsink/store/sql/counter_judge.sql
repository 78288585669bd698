-- Of every access who it was, in which slice of time, on which link, and why it is not counted if it is not.
-- The order of the reasons is that of the rules in docs/counter.md.
INSERT INTO counter_judged
SELECT
    seq, time, reason, request,
    CASE WHEN reason IS NULL THEN who END AS who,
    CASE WHEN level = 1 OR (level = 0 AND $anonymous <> 'separate') THEN slice ELSE 0 END AS part,
    CASE
        WHEN level = 0 AND $anonymous = 'separate' THEN seq
        WHEN level = 2 AND $session_slice = 'day' THEN day
        ELSE slice
    END AS slice,
    CASE WHEN reason IS NULL THEN link END AS link,
    CASE WHEN kind = 'dataset' THEN coalesce(resource, dataset) ELSE dataset END AS dataset,
    CASE WHEN kind = 'file' THEN resource END AS file,
    CASE WHEN kind = 'dataset' THEN name END AS name,
    CASE WHEN coalesce(method, device) IN ('machine', 'tool') THEN 1 ELSE 0 END AS machine,
    CASE WHEN method IS NULL AND device IS NULL THEN 0 ELSE 1 END AS classified,
    CASE WHEN level = 0 THEN 1 ELSE 0 END AS nobody,
    country, bytes
FROM (
    SELECT
        *,
        CASE level -- the most reliable that is known; equal texts of different kinds are different people
            WHEN 4 THEN 'u:' || login
            WHEN 3 THEN 'c:' || visitor
            WHEN 2 THEN 's:' || session
            WHEN 1 THEN 'a:' || coalesce(visitor, session)
            ELSE 'n:' || source
        END AS who,
        CASE
            WHEN kind IS NULL OR kind NOT IN ('dataset', 'file', 'folder') THEN 'other_resource'
            WHEN teller <> CASE WHEN request = 1 THEN $downloads ELSE $views END THEN 'other_teller'
            WHEN status NOT IN (200, 304) AND NOT (status = 206 AND request = 1 AND $partial = 'first')
                THEN 'unsuccessful'
            WHEN login IN (SELECT login FROM counter_internal) THEN 'internal'
            WHEN robot = 'true' OR device = 'robot' THEN 'robot'
            WHEN level = 0 AND $anonymous = 'exclude' THEN 'anonymous'
        END AS reason
    FROM (
        SELECT
            *,
            CASE
                WHEN login IS NOT NULL THEN 4
                WHEN tracked = 0 AND visitor IS NOT NULL AND $visitor = 'cookie' THEN 3
                WHEN tracked = 0 AND session IS NOT NULL THEN 2
                WHEN visitor IS NOT NULL OR session IS NOT NULL THEN 1
                ELSE 0
            END AS level,
            CASE
                WHEN type = 'traffic.page_view' THEN 'tracker'
                WHEN tracked = 1 AND request = 0 THEN 'again' -- the same as the page view beside it
                WHEN tracked = 1 THEN 'tracker'
                ELSE 'server'
            END AS teller,
            CASE WHEN request = 1 THEN 'download|' ELSE 'view|' END || coalesce(kind, '') || '|'
                || coalesce(resource, name, '') || '|'
                || CASE WHEN position('?' IN url) > 0 THEN substring(url, 1, position('?' IN url) - 1)
                        ELSE coalesce(url, '') END AS link,
            -- The hour by the clock on the wall, and the shift of that clock in seconds, which tells apart the two
            -- hours of one name as clocks go back. Days are negative: they are never taken for hours.
            local - mod(local, 3600000000) + $seconds AS slice,
            -1 - local + mod(local, 86400000000) AS day
        FROM (
            SELECT
                seq, time, type, source, bytes, kind, device, robot, method, status, country,
                nullif(resource, '') AS resource,
                nullif(name, '') AS name,
                nullif(dataset, '') AS dataset,
                CASE WHEN type = 'traffic.page_view' THEN url END AS url,
                nullif(visitor, '') AS visitor,
                nullif(session, '') AS session,
                CASE WHEN lower(trim("user")) NOT IN ('', 'anonymous', '000000000000000000000000')
                    THEN trim("user") END AS login,
                CASE WHEN type = 'traffic.resource_downloaded' THEN 1 ELSE 0 END AS request,
                CASE WHEN type = 'traffic.page_view'
                        OR nullif(visitor, '') IS NOT NULL AND (source LIKE 'http://%' OR source LIKE 'https://%')
                            AND status IS NULL -- which no browser says: with one it is of a log
                    THEN 1 ELSE 0 END AS tracked,
                time + $shift AS local
            FROM ({accesses}) AS access
            WHERE $all_sources = 1 OR source IN (SELECT source FROM counter_sources)
        ) AS placed
    ) AS known
) AS named
