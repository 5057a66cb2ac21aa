exec python default_server.py
