export PYTHONPATH="$PWD:$PYTHONPATH"
exec python config.py default_app
