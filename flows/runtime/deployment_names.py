"""The names of Declaim's deployments on a Prefect server (config/prefect.yaml), and the type of their work pool."""

LIBRARY, RESTART = "library/library", "restart/restart"
# A worker of such a pool starts a process for each run.
POOL_TYPE = "process"
