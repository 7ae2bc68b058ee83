"""The official client over TLS: `client_tls.py HOST PORT USER PASSWORD CERTIFICATE`."""

import os
import sys

import numpy as np
import synnax as sy
from freighter.exceptions import Unreachable

host, port, user, password, certificate = sys.argv[1:6]


def connect(**options):
    return sy.Synnax(host=host, port=int(port), username=user, password=password, secure=True, max_retries=0, **options)


try:
    connect()
    sys.exit("a certificate that nobody vouches for was taken")
except Unreachable:
    pass

client = connect(ca_cert=certificate)
channel = client.channels.create(name="safe", data_type=np.uint8, virtual=True)
with client.open_streamer([channel.key]) as streamer:
    with client.open_writer(sy.TimeStamp.now(), [channel.key]) as writer:
        writer.write({channel.key: np.array([1, 2], dtype=np.uint8)})
        assert list(streamer.read(timeout=5)[channel.key]) == [1, 2]
print("verified", flush=True)
os._exit(0)
