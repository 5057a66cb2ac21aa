# On SIGTERM uvicorn answers running requests first; SageMaker kills it after 30 s.
exec uvicorn --host 127.0.0.1 --port "$PORT" --timeout-graceful-shutdown 25 app:app
