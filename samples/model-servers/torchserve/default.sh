export HANDLER=default_handler.py
. ./start.sh
