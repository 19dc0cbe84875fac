"""An authority and a server certificate made with openssl when the tests run; nothing secret is kept."""

import ssl
import subprocess

from .egress import tool


class Authority:
    """Signs one certificate for localhost. `file` is what a client must trust."""

    def __init__(self, directory):
        self.directory = directory
        self.file = directory / "authority.pem"
        self._openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=Scenario authority",
                      "-keyout", "authority.key", "-out", "authority.pem")

    def server_context(self, names="DNS:localhost,IP:127.0.0.1"):
        """A TLS server whose certificate this authority signed for `names`."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(names))
        return context

    def issue(self, names="DNS:localhost,IP:127.0.0.1"):
        """The files of a certificate that this authority signed for `names`, and of its key; the next call makes others of the same name."""
        (self.directory / "extensions").write_text(f"subjectAltName={names}\n")
        self._openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=scenario", "-keyout", "server.key",
                      "-out", "server.csr")
        self._openssl("x509", "-req", "-in", "server.csr", "-CA", "authority.pem", "-CAkey", "authority.key",
                      "-CAcreateserial", "-days", "2", "-extfile", "extensions", "-out", "server.pem")
        return self.directory / "server.pem", self.directory / "server.key"

    def _openssl(self, *arguments):
        subprocess.run([tool("openssl", "openssl"), *arguments], cwd=self.directory, check=True, capture_output=True)
