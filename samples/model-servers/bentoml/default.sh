exec bentoml serve default_service:Contracts --host 127.0.0.1 --port "$PORT"
