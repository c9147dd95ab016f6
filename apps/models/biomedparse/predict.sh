#!/bin/sh
# The container's entry. exec: signals reach Python itself, and its exit code is the container's.
exec python3 /workspace/predict.py
