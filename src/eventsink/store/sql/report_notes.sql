-- What is left out of sums, or counted without its size.
SELECT
    count(*) FILTER (WHERE type = 'traffic.resource_viewed' AND robot) AS robot_views,
    count(*) FILTER (WHERE type = 'traffic.resource_downloaded' AND robot) AS robot_downloads,
    count(*) FILTER (WHERE type = 'storage.file_uploaded' AND bytes IS NULL) AS uploads_without_size,
    count(*) FILTER (WHERE type = 'storage.file_deleted' AND bytes IS NULL) AS deletions_without_size,
    count(*) FILTER (WHERE type = 'traffic.resource_downloaded' AND succeeded AND NOT robot AND bytes IS NULL)
        AS downloads_without_size,
    count(*) FILTER (WHERE type = 'traffic.resource_viewed' AND NOT succeeded AND NOT robot) AS failed_views,
    count(*) FILTER (WHERE type = 'traffic.resource_downloaded' AND NOT succeeded AND NOT robot) AS failed_downloads
FROM facts.events
WHERE seq <= $committed AND time >= $since AND time < $until{where}
