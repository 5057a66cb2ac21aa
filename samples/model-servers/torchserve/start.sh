# On SageMaker the archive is made when the image is built, and the addresses are http://0.0.0.0:8080 to 8082.
folder="$(mktemp -d)"
export TMPDIR="$folder" # one server for each folder
torch-model-archiver --model-name model --version 1.0 --handler "$HANDLER" --extra-files ../contract_model.py --export-path "$folder"
cat > "$folder/config.properties" <<PROPERTIES
inference_address=http://127.0.0.1:$PORT
management_address=http://127.0.0.1:$((PORT + 1000))
metrics_address=http://127.0.0.1:$((PORT + 2000))
disable_token_authorization=true
${SETTINGS:-}
PROPERTIES
export PYTHONPATH="$PWD:$PYTHONPATH" # for the folder torch
cd "$folder" # it writes its logs into the current folder
exec torchserve --start --foreground --ncs --model-store "$folder" --models model=model.mar --ts-config config.properties
