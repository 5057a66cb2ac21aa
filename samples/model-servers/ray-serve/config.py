"""Starts Ray Serve in this machine's own cluster and waits for SIGTERM: `config.py MODULE`."""

import importlib
import os
import signal
import sys
import threading

import ray
from ray import serve

stopped = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stopped.set())
ray.init(include_dashboard=False, num_cpus=4, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": os.environ["PYTHONPATH"]}})
serve.start(http_options={"host": "127.0.0.1", "port": int(os.environ["PORT"])})
serve.run(importlib.import_module(sys.argv[1]).app, name="contracts", route_prefix="/")
stopped.wait()
serve.shutdown()
ray.shutdown()
