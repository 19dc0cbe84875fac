// Certificates for tests, good and bad, made afresh in a temporary directory.

import CLinux
import COpenSSL

/// A small public key infrastructure in a temporary directory, made through OpenSSL.
final class TestCertificates {
    /// Which certificate: its names and how long it is valid, in seconds from now.
    struct Leaf {
        var names = "DNS:gateway.test,IP:127.0.0.1"
        var from = -3600
        var until = 3600
    }

    let directory: String
    private let authorityKey: OpaquePointer
    private let authority: OpaquePointer
    private var serial = 1
    var authorityFile: String { "\(directory)/authority.pem" }

    init() {
        var template = Array("/tmp/gateway-test-XXXXXX".utf8CString)
        directory = String(cString: mkdtemp(&template))
        authorityKey = TestCertificates.makeKey()
        authority = TestCertificates.make(
            subject: "Test Authority", issuer: nil, key: authorityKey, signer: authorityKey, serial: 1,
            leaf: Leaf(names: "", from: -7200, until: 7200))
        writePEM("authority.pem") { PEM_write_bio_X509($0, authority) }
    }

    deinit {
        X509_free(authority)
        EVP_PKEY_free(authorityKey)
        for name in ["authority", "leaf", "key"] {
            for number in 0...serial { unlink("\(directory)/\(name)\(number == 0 ? "" : String(number)).pem") }
        }
        rmdir(directory)
    }

    /// A certificate of the authority, or one that signed itself.
    func issue(_ leaf: Leaf = Leaf(), selfSigned: Bool = false) -> (certificateFile: String, keyFile: String) {
        serial += 1
        let key = TestCertificates.makeKey()
        let certificate = TestCertificates.make(
            subject: "leaf \(serial)", issuer: selfSigned ? nil : authority, key: key,
            signer: selfSigned ? key : authorityKey, serial: serial, leaf: leaf)
        writePEM("leaf\(serial).pem") { PEM_write_bio_X509($0, certificate) }
        writePEM("key\(serial).pem") { PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) }
        X509_free(certificate)
        EVP_PKEY_free(key)
        return ("\(directory)/leaf\(serial).pem", "\(directory)/key\(serial).pem")
    }

    private func writePEM(_ name: String, _ body: (OpaquePointer) -> Int32) {
        let bio = BIO_new_file("\(directory)/\(name)", "w")!
        precondition(body(bio) == 1)
        BIO_free(bio)
    }

    private static func makeKey() -> OpaquePointer {
        let context = EVP_PKEY_CTX_new_from_name(nil, "EC", nil)
        defer { EVP_PKEY_CTX_free(context) }
        var key: OpaquePointer?
        precondition(EVP_PKEY_keygen_init(context) == 1)
        precondition(EVP_PKEY_CTX_set_group_name(context, "P-256") == 1)
        precondition(EVP_PKEY_generate(context, &key) == 1)
        return key!
    }

    private static func make(
        subject: String, issuer: OpaquePointer?, key: OpaquePointer, signer: OpaquePointer, serial: Int, leaf: Leaf
    ) -> OpaquePointer {
        let certificate = X509_new()!
        X509_set_version(certificate, 2)
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial)
        X509_gmtime_adj(X509_getm_notBefore(certificate), leaf.from)
        X509_gmtime_adj(X509_getm_notAfter(certificate), leaf.until)
        X509_set_pubkey(certificate, key)
        let name = X509_get_subject_name(certificate)
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, subject, -1, -1, 0)
        X509_set_issuer_name(certificate, issuer.map { X509_get_subject_name($0) } ?? name)
        if leaf.names.isEmpty {
            add(NID_basic_constraints, "critical,CA:TRUE", to: certificate)
        } else {
            add(NID_subject_alt_name, leaf.names, to: certificate)
        }
        precondition(X509_sign(certificate, signer, EVP_sha256()) > 0)
        return certificate
    }

    private static func add(_ kind: Int32, _ value: String, to certificate: OpaquePointer) {
        let item = X509V3_EXT_conf_nid(nil, nil, kind, value)!
        X509_add_ext(certificate, item, -1)
        X509_EXTENSION_free(item)
    }
}
