"""TLS between two contexts, in memory."""

import ssl


def handshake(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    """Shake hands in memory. Raises ssl.SSLError as either side does."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(to_client, to_server, server_hostname=name)
    answering = server.wrap_bio(to_server, to_client, server_side=True)
    waiting = [asking, answering]
    while waiting:
        side = waiting.pop(0)
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(side)
