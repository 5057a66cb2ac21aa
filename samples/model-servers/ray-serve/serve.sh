export PYTHONPATH="$PWD:$PYTHONPATH"
exec python config.py app
