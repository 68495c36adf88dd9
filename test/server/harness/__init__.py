"""Throwaway servers, databases, the load and the tool under test."""

from .clients import Clients, Traffic
from .cluster import Cluster, installed_majors, server_bin
from .crowd import Crowd
from .database import Database
from .load import Load, Report, init_orders, init_shop
from .tool import Pgseam, Result

__all__ = [
    "Clients", "Cluster", "Crowd", "Database", "Load", "Pgseam", "Report", "Result", "Traffic", "init_orders", "init_shop",
    "installed_majors", "server_bin",
]
