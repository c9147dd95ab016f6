#!/usr/bin/python3
"""First start of a GPU machine, as its user data: the weights of the models, then the settings of ECS's agent.

The agent starts when this has ended (`After=cloud-final.service` in its unit file) and joins the cluster that its
settings name, so they come last: a machine whose weights are not whole never joins. It goes off, and its group brings
another. In Python because the machine's image has it, for its package manager, and has no AWS CLI: it is made of
al2023-ami-minimal (github.com/aws/amazon-ecs-ami, release-al2023.auto.pkrvars.hcl).
"""

import datetime
import hashlib
import hmac
import json
import os
import subprocess
import sys
import time
import urllib.parse
import urllib.request

SETTINGS = json.loads(r"""@SETTINGS@""")

CHUNK_BYTES = 1024 * 1024
TIMEOUT_S = 60
NO_BODY_SHA256 = hashlib.sha256(b"").hexdigest()
# AWS is reached directly, whatever the environment says about proxies.
WEB = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def main():
    os.umask(0o022)
    try:
        for weights in SETTINGS["weights"]:
            fetch_patiently(weights)
        write_agent_settings()
    except Exception as error:
        tell(f"going off, and not joining the cluster: {describe(error)}")
        subprocess.run(SETTINGS["powerOff"], check=True)
        sys.exit(1)


def fetch_patiently(weights):
    for wait_s in [*SETTINGS["waitsS"], None]:
        try:
            return fetch(weights)
        except Exception as error:
            tell(f"{weights['key']}: {describe(error)}")
            if wait_s is None:
                raise
            time.sleep(wait_s)


def fetch(weights):
    target = os.path.join(SETTINGS["weightsFolder"], weights["key"])
    os.makedirs(os.path.dirname(target), exist_ok=True)
    part = target + ".part"
    digest = hashlib.sha256()
    with WEB.open(signed_request(weights["key"]), timeout=TIMEOUT_S) as source, open(part, "wb") as sink:
        while chunk := source.read(CHUNK_BYTES):
            digest.update(chunk)
            sink.write(chunk)
    if digest.hexdigest() != weights["sha256"]:
        os.remove(part)
        raise ValueError(f"has SHA-256 {digest.hexdigest()}, expected {weights['sha256']}")
    # The models run as another user: they may read it, and nobody may write it.
    os.chmod(part, 0o444)
    os.replace(part, target)


def signed_request(key):
    """GET of an object, signed as "Authenticating Requests: Using the Authorization Header" (Amazon S3) says."""
    url = f"{SETTINGS['storeUrl']}/{key}"
    keys = instance_keys()
    now = datetime.datetime.now(datetime.timezone.utc)
    day = now.strftime("%Y%m%d")
    scope = f"{day}/{SETTINGS['region']}/s3/aws4_request"
    headers = {
        "host": urllib.parse.urlsplit(url).netloc,
        "x-amz-content-sha256": NO_BODY_SHA256,
        "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
        "x-amz-security-token": keys["Token"],
    }
    names = ";".join(sorted(headers))
    lines = [f"{name}:{headers[name]}" for name in sorted(headers)]
    canonical = "\n".join(["GET", f"/{key}", "", *lines, "", names, NO_BODY_SHA256])
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hashed])
    secret = ("AWS4" + keys["SecretAccessKey"]).encode()
    for part in scope.split("/"):
        secret = hmac.digest(secret, part.encode(), "sha256")
    signature = hmac.digest(secret, text.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys['AccessKeyId']}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return urllib.request.Request(url, headers=headers)


def instance_keys():
    """The keys of the machine's role, from version 2 of the instance metadata service."""
    token = metadata("PUT", "api/token", {"x-aws-ec2-metadata-token-ttl-seconds": "300"})
    folder = "meta-data/iam/security-credentials/"
    role = metadata("GET", folder, {"x-aws-ec2-metadata-token": token})
    return json.loads(metadata("GET", folder + role, {"x-aws-ec2-metadata-token": token}))


def metadata(method, path, headers):
    request = urllib.request.Request(f"{SETTINGS['metadataUrl']}/latest/{path}", headers=headers, method=method)
    with WEB.open(request, timeout=TIMEOUT_S) as answer:
        return answer.read().decode().strip()


def write_agent_settings():
    with open(SETTINGS["agentConfig"], "w") as file:
        file.writelines(f"{name}={value}\n" for name, value in SETTINGS["agent"].items())


def describe(error):
    return f"{type(error).__name__}: {error}"


def tell(line):
    """To the log of cloud-init, and to the console, which outlives the machine."""
    text = f"bpi: {line}"
    print(text, flush=True)
    try:
        with open(SETTINGS["console"], "a") as console:
            console.write(text + "\n")
    except OSError:
        pass


main()
