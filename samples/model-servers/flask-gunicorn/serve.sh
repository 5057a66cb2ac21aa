# Threads answer pings during runs. With threads, --timeout no longer ends long runs: it watches the worker's own loop.
# Threads should be more than MaxConcurrentInvocationsPerInstance. --graceful-timeout: SageMaker waits 30 s.
exec gunicorn --bind "127.0.0.1:$PORT" --worker-class gthread --workers 1 --threads 8 --graceful-timeout 25 app:app
