# Here instead of /opt/ml, and on this machine's own address. The toolkit's images need nothing of this file.
export SAGEMAKER_BASE_DIR="$(mktemp -d)" SAGEMAKER_BIND_TO_PORT="$PORT"
export MMS_INFERENCE_ADDRESS="http://127.0.0.1:$PORT" MMS_MANAGEMENT_ADDRESS="http://127.0.0.1:$((PORT + 1000))"
mkdir -p "$SAGEMAKER_BASE_DIR/model/code"
cp "$SCRIPT" "$SAGEMAKER_BASE_DIR/model/code/inference.py"
cp ../contract_model.py "$SAGEMAKER_BASE_DIR/model/code/"
server="$PWD/serve.py"
cd "$SAGEMAKER_BASE_DIR" # MMS writes its logs into the current folder
exec python "$server"
