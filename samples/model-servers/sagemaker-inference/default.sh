export SCRIPT=default_inference.py
. ./start.sh
