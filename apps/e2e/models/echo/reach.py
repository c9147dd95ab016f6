"""What a container reaches: tries what no model may reach, and says of each on stderr how it went."""

import errno
import os
import socket
import sys

TIMEOUT_S = 2
DOCKER_GATEWAY = "172.17.0.1"
# RFC 5737's documentation net, the metadata services of clouds and of ECS.
FOREIGN = ("192.0.2.1", "169.254.169.254", "169.254.170.2", DOCKER_GATEWAY)
LOOPBACK, LOOPBACK_6 = "127.0.0.1", "::1"
NAME = "example.com"
# Where ECS says that its agent answers, with credentials or what it knows about the task.
AGENT_URIS = ("ECS_CONTAINER_METADATA_URI_V4", "ECS_CONTAINER_METADATA_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
# A refused connection is an answer, and a time-out may be one: only these prove that there is no way.
NO_WAY = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
# A container has a loopback of its own, where nobody listens.
NO_WAY_AT_HOME = NO_WAY | {errno.ECONNREFUSED}


def reaches_anything(port, host):
    """First what a test opened at `port` of this machine (`host` is its address), then the rest of the world."""
    opened = reached(at_port(port, socket.inet_ntoa(host.to_bytes(4, "big")))) if port else []
    # Who reached that has a network, and leaves the world alone.
    return bool(opened or reached(elsewhere()) or resolves(NAME))


def at_port(port, host):
    for address in (LOOPBACK, LOOPBACK_6, DOCKER_GATEWAY, host):
        yield from ((kind, address, port) for kind in ("tcp", "udp"))
    # Sockets with a name and no file belong to the network too.
    yield "unix", "\0bpi-e2e-%d" % port, None


def elsewhere():
    for address in FOREIGN:
        yield from ((kind, address, 80) for kind in ("tcp", "udp"))
    for name in AGENT_URIS:
        if name in os.environ:
            address, _, port = os.environ[name].split("/")[2].partition(":")
            yield "tcp", address, int(port or 80)


def reached(targets):
    return [target for target in targets if not out_of_reach(*target)]


def out_of_reach(kind, address, port):
    error = attempt(kind, address, port)
    said = errno.errorcode.get(error, "reached") if error is not None else "silent"
    tell("%s %s %s %s" % (kind, address.replace("\0", "@"), port or "-", said))
    return error in (NO_WAY_AT_HOME if kind == "unix" or address in (LOOPBACK, LOOPBACK_6) else NO_WAY)


def attempt(kind, address, port):
    """0 if somebody answered, None if nobody said anything, else the error."""
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM) as opened:
            opened.settimeout(TIMEOUT_S)
            opened.connect(address if port is None else (address, port))
            if kind == "udp":
                opened.send(b"?")
                opened.recv(1)
    except TimeoutError:
        return None
    except OSError as error:
        return error.errno
    return 0


def resolves(name):
    try:
        socket.getaddrinfo(name, 80)
    except OSError:
        tell("name %s 80 unknown" % name)
        return False
    tell("name %s 80 reached" % name)
    return True


def tell(line):
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
