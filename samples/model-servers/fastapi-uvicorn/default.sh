exec uvicorn --host 127.0.0.1 --port "$PORT" default_app:app
