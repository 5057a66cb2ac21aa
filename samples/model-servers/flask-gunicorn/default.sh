# gunicorn as it starts without options: one process that answers one request at a time.
exec gunicorn --bind "127.0.0.1:$PORT" app:app
