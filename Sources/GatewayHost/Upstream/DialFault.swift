// What went wrong in a dial, as a sentence for people: from libcurl's codes, never from its texts,
// so that no credential can slip in.
//
// Kind: pure but for reading the finished handle's figures.

import CCurl
import Glibc

enum DialFault {
    static func of(
        _ code: CURLcode, _ easy: borrowing CurlEasy, to authority: HostPort, through proxy: ProxyAddress?,
        milliseconds: UInt32
    ) -> UpstreamFault {
        of(
            code, systemCode: Int32(truncatingIfNeeded: easy.number(CURLINFO_OS_ERRNO)),
            proxyCode: CURLproxycode(UInt32(clamping: easy.number(CURLINFO_PROXY_ERROR))),
            connectStatus: easy.number(CURLINFO_HTTP_CONNECTCODE), to: authority, through: proxy,
            milliseconds: milliseconds)
    }

    static func of(
        _ code: CURLcode, systemCode: Int32, proxyCode: CURLproxycode, connectStatus: Int, to authority: HostPort,
        through proxy: ProxyAddress?, milliseconds: UInt32
    ) -> UpstreamFault {
        var fault = told(
            code, systemCode: systemCode, proxyCode: proxyCode, connectStatus: connectStatus, to: authority, through: proxy,
            milliseconds: milliseconds)
        fault.isOfProxy = proxy != nil && !isOfOrigin(proxyCode, connectStatus)
        return fault
    }

    /// The proxy works, and says that what is behind it does not.
    private static func isOfOrigin(_ proxyCode: CURLproxycode, _ connectStatus: Int) -> Bool {
        switch proxyCode {
        case CURLPX_REPLY_NETWORK_UNREACHABLE, CURLPX_REPLY_HOST_UNREACHABLE, CURLPX_REPLY_CONNECTION_REFUSED,
            CURLPX_REPLY_TTL_EXPIRED:
            true
        default: (502...504).contains(connectStatus)
        }
    }

    private static func told(
        _ code: CURLcode, systemCode: Int32, proxyCode: CURLproxycode, connectStatus: Int, to authority: HostPort,
        through proxy: ProxyAddress?, milliseconds: UInt32
    ) -> UpstreamFault {
        let way = proxy.map { " through proxy \($0.description)" } ?? ""
        switch code {
        case CURLE_COULDNT_RESOLVE_HOST:
            return UpstreamFault(.resolve, "could not resolve host \(authority.host)\(way)")
        case CURLE_COULDNT_RESOLVE_PROXY:
            return UpstreamFault(.resolve, "could not resolve host \(proxy?.authority.host ?? "") of the proxy")
        case CURLE_OPERATION_TIMEDOUT:
            return timeout(to: authority, through: proxy, milliseconds: milliseconds)
        case CURLE_PROXY:
            return UpstreamFault(.proxy, "proxy \(proxy?.description ?? "") \(reason(proxyCode, authority))")
        default: break
        }
        guard let proxy else {
            switch systemCode {
            case ECONNREFUSED: return UpstreamFault(.connect, "connection to \(authority) was refused")
            case 0:
                return UpstreamFault(.connect, "could not connect to \(authority): \(text(code))")
            default:
                return UpstreamFault(.connect, "could not connect to \(authority): \(SystemError.text(of: systemCode))")
            }
        }
        if connectStatus == 407 {
            return UpstreamFault(.proxy, "proxy \(proxy.description) refused the credentials (407)")
        }
        if connectStatus >= 300 {
            return UpstreamFault(
                .proxy, "proxy \(proxy.description) refused to connect to \(authority) with status \(connectStatus)")
        }
        switch (code, systemCode) {
        case (CURLE_COULDNT_CONNECT, ECONNREFUSED):
            return UpstreamFault(.connect, "connection to proxy \(proxy.description) was refused")
        case (CURLE_COULDNT_CONNECT, 1...):
            return UpstreamFault(
                .connect, "could not connect to proxy \(proxy.description): \(SystemError.text(of: systemCode))")
        default:
            return UpstreamFault(
                .proxy, "proxy \(proxy.description) did not connect to \(authority): \(text(code))")
        }
    }

    /// The handshake of TLS with the origin failed. A way that breaks off is the proxy's fault, a certificate or a refusal the origin's.
    static func handshake(_ error: TLSError, through proxy: ProxyAddress?) -> UpstreamFault {
        let way = proxy.map { " (through proxy \($0.description))" } ?? ""
        var fault = UpstreamFault(.tls, error.description + way)
        fault.isOfProxy = proxy != nil && error.kind == .disconnected
        return fault
    }

    /// Nobody answered in the handshake of TLS: as with a connection, the other way out will tell whose silence it is.
    static func handshakeTimeout(with authority: HostPort, through proxy: ProxyAddress?, milliseconds: UInt32) -> UpstreamFault {
        let way = proxy.map { " through proxy \($0.description)" } ?? ""
        var fault = UpstreamFault(.timeoutConnect, "the TLS handshake with \(authority)\(way) took longer than \(milliseconds) ms")
        fault.isOfProxy = proxy != nil
        return fault
    }

    static func timeout(to authority: HostPort, through proxy: ProxyAddress?, milliseconds: UInt32) -> UpstreamFault {
        let way = proxy.map { " through proxy \($0.description)" } ?? ""
        var fault = UpstreamFault(.timeoutConnect, "no connection to \(authority)\(way) within \(milliseconds) ms")
        // Which of the two is silent cannot be known; the other way out will tell.
        fault.isOfProxy = proxy != nil
        return fault
    }

    /// libcurl's fixed words for a code; they hold nothing of the request.
    private static func text(_ code: CURLcode) -> String { String(cString: curl_easy_strerror(code)) }

    private static func reason(_ code: CURLproxycode, _ authority: HostPort) -> String {
        switch code {
        case CURLPX_USER_REJECTED: "refused the credentials"
        case CURLPX_NO_AUTH: "wants credentials or a way of authentication that is not configured"
        case CURLPX_REPLY_NOT_ALLOWED: "does not allow connections to \(authority)"
        case CURLPX_REPLY_NETWORK_UNREACHABLE: "has no route to the network of \(authority)"
        case CURLPX_REPLY_HOST_UNREACHABLE: "could not reach or resolve host \(authority.host)"
        case CURLPX_REPLY_CONNECTION_REFUSED: "says that connection to \(authority) was refused"
        case CURLPX_REPLY_TTL_EXPIRED: "says that the route to \(authority) is too long"
        case CURLPX_REPLY_ADDRESS_TYPE_NOT_SUPPORTED: "does not support this kind of address (\(authority.host))"
        case CURLPX_REPLY_COMMAND_NOT_SUPPORTED: "does not support the CONNECT command"
        case CURLPX_REPLY_GENERAL_SERVER_FAILURE: "failed to connect to \(authority)"
        case CURLPX_BAD_VERSION: "does not speak SOCKS5"
        case CURLPX_CLOSED: "closed the connection during its handshake"
        case CURLPX_RECV_CONNECT, CURLPX_RECV_AUTH, CURLPX_RECV_REQACK, CURLPX_RECV_ADDRESS,
            CURLPX_SEND_CONNECT, CURLPX_SEND_AUTH, CURLPX_SEND_REQUEST:
            "broke off its handshake"
        default: "failed its handshake (libcurl's code \(code.rawValue))"
        }
    }
}
