#!/bin/sh
# No site packages and no user environment (-S -E): it starts in a few tens of milliseconds.
# Imported, not run as a script, so that its precompiled form is used.
exec python3 -S -E -c 'import echo; echo.main()'
