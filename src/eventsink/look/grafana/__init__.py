"""Grafana on InfluxDB. In: the panels of our own pages, and settings. Out: the files that Grafana reads at its start.

Called by the command line. Every number is asked for in InfluxQL, which InfluxDB 1, 2 and 3 understand.
"""

from eventsink.look.grafana.export import Exported, export

__all__ = ["Exported", "export"]
