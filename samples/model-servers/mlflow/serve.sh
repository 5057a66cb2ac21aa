export PYTHONPATH="$PWD:$PYTHONPATH"
exec uvicorn --host 127.0.0.1 --port "$PORT" --timeout-graceful-shutdown 25 app:app
