export HANDLER=handler.py
# Without these, a request may have 6.5 MB, and a run ends with 500 after 120 s. The last is MaxConcurrentInvocationsPerInstance.
SETTINGS="max_request_size=104857600
max_response_size=104857600
default_response_timeout=3600
default_workers_per_model=4"
. ./start.sh
