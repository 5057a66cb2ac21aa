exec bentoml serve service:Contracts --host 127.0.0.1 --port "$PORT"
