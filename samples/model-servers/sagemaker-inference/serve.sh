# Environment of the model in SageMaker (parameter ModelEnvironment of the endpoint's stack).
# Without the first, a request may have 6.5 MB. The second is MaxConcurrentInvocationsPerInstance, and a number of processes.
export SAGEMAKER_MAX_PAYLOAD_IN_MB=100 SAGEMAKER_MODEL_SERVER_WORKERS=4
export SCRIPT=inference.py
. ./start.sh
