"""Numbers for people: panels of the dashboard and reports, each declared once.

In: a period, a comparison and filters. Out: rows with their units, as JSON, CSV and HTML. Called by the routes of
`collect` through `Numbers`. The declarations say what is counted, without the words of any database, so that the pages,
the exports and Grafana show the same.
"""
