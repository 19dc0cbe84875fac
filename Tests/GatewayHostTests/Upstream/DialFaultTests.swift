import CCurl
import CLinux
import Testing

@testable import GatewayHost

@Suite struct DialFaultTests {
    private let origin = HostPort(host: "api.example.com", port: 443)

    private func sentence(
        _ code: CURLcode, system: Int32 = 0, proxyCode: CURLproxycode = CURLPX_OK, status: Int = 0, proxy: String? = nil
    ) throws -> String {
        var address: ProxyAddress?
        if let proxy { address = try Array(proxy.utf8).withUnsafeBytes { try ProxyAddress(Bytes($0)) } }
        let fault = DialFault.of(
            code, systemCode: system, proxyCode: proxyCode, connectStatus: status, to: origin, through: address,
            milliseconds: 100)
        #expect(!fault.sentence.contains("hunter2"))
        return "\(fault)"
    }

    @Test func eachFailureHasItsSentence() throws {
        let socks = "socks5h://u:hunter2@p:1"
        #expect(try sentence(CURLE_COULDNT_RESOLVE_HOST) == "resolve: could not resolve host api.example.com")
        #expect(
            try sentence(CURLE_COULDNT_RESOLVE_PROXY, proxy: socks) == "resolve: could not resolve host p of the proxy")
        #expect(
            try sentence(CURLE_COULDNT_CONNECT, system: ECONNREFUSED)
                == "connect: connection to api.example.com:443 was refused")
        #expect(
            try sentence(CURLE_COULDNT_CONNECT, system: ENETUNREACH)
                == "connect: could not connect to api.example.com:443: Network is unreachable (ENETUNREACH)")
        #expect(
            try sentence(CURLE_OPERATION_TIMEDOUT)
                == "timeoutConnect: no connection to api.example.com:443 within 100 ms")
        #expect(
            try sentence(CURLE_PROXY, proxyCode: CURLPX_USER_REJECTED, proxy: socks)
                == "proxy: proxy socks5h://p:1 refused the credentials")
        #expect(
            try sentence(CURLE_PROXY, proxyCode: CURLPX_REPLY_HOST_UNREACHABLE, proxy: socks)
                == "proxy: proxy socks5h://p:1 could not reach or resolve host api.example.com")
        #expect(
            try sentence(CURLE_RECV_ERROR, status: 407, proxy: "http://u:hunter2@p:1")
                == "proxy: proxy http://p:1 refused the credentials (407)")
        #expect(
            try sentence(CURLE_RECV_ERROR, status: 403, proxy: "http://p:1")
                == "proxy: proxy http://p:1 refused to connect to api.example.com:443 with status 403")
    }
}
