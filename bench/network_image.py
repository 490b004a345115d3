"""The image of the network bench: servers and clients, from Debian packages with all they need.

A tar of the whole tree, which every engine imports. It is made once and kept in a directory; only
making it needs a network.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import tempfile
from pathlib import Path

from bench import packages

import images

PACKAGES = (
    "coreutils dash iperf3 nginx redis-server redis-tools wrk "
    # what these need
    "libacl1 libatomic1 libattr1 libc6 libcap2 libcrypt1 libgcc-s1 libgcrypt20 libgmp10 "
    "libgpg-error0 libhiredis0.14 libiperf0 libjemalloc2 liblua5.1-0 liblz4-1 liblzf1 liblzma5 "
    "libluajit-5.1-2 libpcre2-8-0 libsctp1 libselinux1 libssl3 libstdc++6 libsystemd0 libzstd1 "
    "lua-bitop lua-cjson zlib1g"
)
NGINX = """\
daemon off;
user root;
worker_processes 1;
error_log stderr crit;
pid /tmp/nginx.pid;
events { worker_connections 1024; }
http {
    access_log off;
    keepalive_requests 1000000000;
    server { listen 80 backlog=1024; location / { return 200 "%s"; } }
}
""" % ("x" * 1024)
SERVE = """\
iperf3 --server --daemon
redis-server --daemonize yes --protected-mode no --save "" >/dev/null
exec nginx -c /nginx.conf
"""
DIRECTORIES = ("dev", "proc", "sys", "tmp", "var/lib/nginx", "var/log/nginx")
OWN = {
    "etc/passwd": "root:x:0:0::/root:/bin/sh\n",
    "etc/group": "root:x:0:\n",
    "nginx.conf": NGINX,
    "serve": SERVE,
}


def path(directory: Path) -> Path:
    """Where the tar is; another one for another image."""
    told = hashlib.sha256(f"{PACKAGES}{OWN}".encode()).hexdigest()
    return directory / f"network-{told[:12]}.tar"


def make(directory: Path) -> None:
    """Make the tar in a directory, unless it is there. Raises OSError, CalledProcessError."""
    made = path(directory)
    if made.exists():
        return
    directory.mkdir(parents=True, exist_ok=True)
    print(f"making the image of the network bench in {directory}, once", flush=True)
    unfinished = made.with_suffix(".unfinished")
    with tempfile.TemporaryDirectory(dir=directory) as downloads:
        packages.download(PACKAGES.split(), downloads)
        with tarfile.open(unfinished, mode="w", format=tarfile.PAX_FORMAT) as archive:
            seen = packages.merge(sorted(Path(downloads).glob("*.deb")), archive)
            members = [images.entry(name) for name in DIRECTORIES]
            members += [images.entry(name, text.encode()) for name, text in OWN.items()]
            for info, data in [*members, images.link("bin/sh", "dash")]:
                if info.name not in seen:
                    archive.addfile(info, io.BytesIO(data))
    unfinished.rename(made)
