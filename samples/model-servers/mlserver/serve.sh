export PYTHONPATH="$PWD:$PYTHONPATH" MLSERVER_HOST=127.0.0.1 MLSERVER_HTTP_PORT="$PORT" MLSERVER_GRPC_PORT="$((PORT + 1000))" MLSERVER_METRICS_PORT="$((PORT + 2000))"
# The model runs in this process: custom handlers do not reach MLServer's own pool of processes.
export MLSERVER_PARALLEL_WORKERS=0
exec mlserver start served
