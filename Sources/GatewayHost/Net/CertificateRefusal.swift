// Says why a certificate was refused, with the fact that helps to mend it: its dates, its names, its
// issuer.
//
// Kind: free of state.

import COpenSSL

enum CertificateRefusal {
    /// For the certificate that the verification of `store` has just refused.
    static func text(_ store: OpaquePointer) -> String {
        let code = X509_STORE_CTX_get_error(store)
        let reason = String(cString: X509_verify_cert_error_string(Int(code)))
        guard let certificate = X509_STORE_CTX_get_current_cert(store) else { return reason }
        let whose =
            X509_STORE_CTX_get_error_depth(store) == 0
            ? "" : " of authority \(name(X509_get_subject_name(certificate)))"
        return "certificate\(whose) refused: \(reason)\(detail(code, certificate))"
    }

    private static func detail(_ code: Int32, _ certificate: OpaquePointer) -> String {
        switch code {
        case X509_V_ERR_CERT_HAS_EXPIRED:
            " (it was valid until \(time(X509_get0_notAfter(certificate))))"
        case X509_V_ERR_CERT_NOT_YET_VALID:
            " (it is valid from \(time(X509_get0_notBefore(certificate))))"
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            " (it was issued to \(name(X509_get_subject_name(certificate))))"
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
            " (issued by \(name(X509_get_issuer_name(certificate))); if that authority is yours, name it in the configuration)"
        default: ""
        }
    }

    private static func name(_ name: OpaquePointer?) -> String {
        guard let name, let text = X509_NAME_oneline(name, nil, 0) else { return "(no name)" }
        defer { CRYPTO_free(text, nil, 0) }
        return String(cString: text)
    }

    private static func time(_ time: UnsafePointer<ASN1_TIME>?) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
            gwtls_time_text(time, buffer.baseAddress, 64)
            return String(cString: buffer.baseAddress.unsafelyUnwrapped)
        }
    }
}
