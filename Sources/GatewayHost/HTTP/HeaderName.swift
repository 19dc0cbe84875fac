// The header names the host acts on, and how to recognise them.
//
// Recognition runs once for each header line: a switch on the length, then at most a handful of
// compares of eight bytes. All names here are made of letters, digits and hyphens, so folding case
// is setting one bit; that is exact only for bytes already checked to be token characters.
//
// Kind: value.

enum HeaderName: UInt8, Sendable, CaseIterable {
    case other
    // framing and routing
    case host, contentLength, transferEncoding, expect
    // hop by hop
    case connection, keepAlive, proxyConnection, te, trailer, upgrade, http2Settings
    case proxyAuthenticate, proxyAuthorization
    // credentials of the client
    case xAPIKey, authorization, cookie
    // what proxies tell about the client
    case forwarded, via, xForwardedFor, xForwardedProto, xForwardedHost, xForwardedPort
    case xForwardedServer, xForwardedPrefix, xRealIP, xClientIP, trueClientIP, cfConnectingIP
    // content
    case accept, acceptEncoding, contentEncoding, contentType, userAgent
    // answers
    case date, server, requestID, retryAfter, setCookie, xShouldRetry
    // the provider
    case anthropicVersion, anthropicBeta, claudeCodeSessionID

    /// The name in lower case; empty for `other`.
    var text: StaticString {
        switch self {
        case .other: ""
        case .host: "host"
        case .contentLength: "content-length"
        case .transferEncoding: "transfer-encoding"
        case .expect: "expect"
        case .connection: "connection"
        case .keepAlive: "keep-alive"
        case .proxyConnection: "proxy-connection"
        case .te: "te"
        case .trailer: "trailer"
        case .upgrade: "upgrade"
        case .http2Settings: "http2-settings"
        case .proxyAuthenticate: "proxy-authenticate"
        case .proxyAuthorization: "proxy-authorization"
        case .xAPIKey: "x-api-key"
        case .authorization: "authorization"
        case .cookie: "cookie"
        case .forwarded: "forwarded"
        case .via: "via"
        case .xForwardedFor: "x-forwarded-for"
        case .xForwardedProto: "x-forwarded-proto"
        case .xForwardedHost: "x-forwarded-host"
        case .xForwardedPort: "x-forwarded-port"
        case .xForwardedServer: "x-forwarded-server"
        case .xForwardedPrefix: "x-forwarded-prefix"
        case .xRealIP: "x-real-ip"
        case .xClientIP: "x-client-ip"
        case .trueClientIP: "true-client-ip"
        case .cfConnectingIP: "cf-connecting-ip"
        case .accept: "accept"
        case .acceptEncoding: "accept-encoding"
        case .contentEncoding: "content-encoding"
        case .contentType: "content-type"
        case .userAgent: "user-agent"
        case .date: "date"
        case .server: "server"
        case .requestID: "request-id"
        case .retryAfter: "retry-after"
        case .setCookie: "set-cookie"
        case .xShouldRetry: "x-should-retry"
        case .anthropicVersion: "anthropic-version"
        case .anthropicBeta: "anthropic-beta"
        case .claudeCodeSessionID: "x-claude-code-session-id"
        }
    }

    /// Recognises a name of token characters, in any case.
    @inline(__always)
    init(_ name: Bytes) {
        self = Self.recognise(name)
    }

    @inline(__always)
    private static func recognise(_ name: Bytes) -> HeaderName {
        @inline(__always)
        func match(_ candidate: HeaderName) -> Bool { matches(name, candidate.text) }
        switch name.count {
        case 2: return match(.te) ? .te : .other
        case 3: return match(.via) ? .via : .other
        case 4:
            if match(.host) { return .host }
            return match(.date) ? .date : .other
        case 6:
            if match(.accept) { return .accept }
            if match(.cookie) { return .cookie }
            if match(.expect) { return .expect }
            return match(.server) ? .server : .other
        case 7:
            if match(.upgrade) { return .upgrade }
            return match(.trailer) ? .trailer : .other
        case 9:
            if match(.xAPIKey) { return .xAPIKey }
            if match(.xRealIP) { return .xRealIP }
            return match(.forwarded) ? .forwarded : .other
        case 10:
            if match(.connection) { return .connection }
            if match(.userAgent) { return .userAgent }
            if match(.requestID) { return .requestID }
            if match(.keepAlive) { return .keepAlive }
            return match(.setCookie) ? .setCookie : .other
        case 11:
            if match(.retryAfter) { return .retryAfter }
            return match(.xClientIP) ? .xClientIP : .other
        case 12: return match(.contentType) ? .contentType : .other
        case 13: return match(.authorization) ? .authorization : .other
        case 14:
            if match(.contentLength) { return .contentLength }
            if match(.anthropicBeta) { return .anthropicBeta }
            if match(.xShouldRetry) { return .xShouldRetry }
            if match(.trueClientIP) { return .trueClientIP }
            return match(.http2Settings) ? .http2Settings : .other
        case 15:
            if match(.acceptEncoding) { return .acceptEncoding }
            return match(.xForwardedFor) ? .xForwardedFor : .other
        case 16:
            if match(.contentEncoding) { return .contentEncoding }
            if match(.proxyConnection) { return .proxyConnection }
            if match(.xForwardedHost) { return .xForwardedHost }
            if match(.xForwardedPort) { return .xForwardedPort }
            return match(.cfConnectingIP) ? .cfConnectingIP : .other
        case 17:
            if match(.transferEncoding) { return .transferEncoding }
            if match(.anthropicVersion) { return .anthropicVersion }
            return match(.xForwardedProto) ? .xForwardedProto : .other
        case 18:
            if match(.xForwardedServer) { return .xForwardedServer }
            if match(.xForwardedPrefix) { return .xForwardedPrefix }
            return match(.proxyAuthenticate) ? .proxyAuthenticate : .other
        case 19: return match(.proxyAuthorization) ? .proxyAuthorization : .other
        case 24: return match(.claudeCodeSessionID) ? .claudeCodeSessionID : .other
        default: return .other
        }
    }

    /// Equal but for case; `text` is lower case and of the same length.
    @inline(__always)
    private static func matches(_ name: Bytes, _ text: StaticString) -> Bool {
        assert(name.count == text.utf8CodeUnitCount)
        let count = name.count
        guard count > 0, let base = name.base else { return false }
        let given = UnsafeRawPointer(base)
        let wanted = UnsafeRawPointer(text.utf8Start)
        if count >= 8 {
            var at = 0
            while at &+ 8 <= count {
                guard same(given, wanted, at) else { return false }
                at &+= 8
            }
            return at == count || same(given, wanted, count &- 8)
        }
        for at in 0..<count where base[at] | 0x20 != text.utf8Start[at] { return false }
        return true
    }

    @inline(__always)
    private static func same(_ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ at: Int) -> Bool {
        a.loadUnaligned(fromByteOffset: at, as: UInt64.self) | 0x2020_2020_2020_2020
            == b.loadUnaligned(fromByteOffset: at, as: UInt64.self)
    }

    /// Concerns this connection only and is never passed on (RFC 9110 section 7.6.1). Trailer is
    /// among them because trailers are not passed on (section 6.5.1 leaves that free).
    var isHopByHop: Bool {
        switch self {
        case .connection, .keepAlive, .proxyConnection, .te, .trailer, .transferEncoding, .upgrade,
            .http2Settings, .proxyAuthenticate, .proxyAuthorization:
            true
        default: false
        }
    }

    /// Proves who the client is to us; never shown to the upstream.
    var isClientCredential: Bool {
        switch self {
        case .xAPIKey, .authorization, .proxyAuthorization, .cookie: true
        default: false
        }
    }

    /// Tells where the client is; never shown to the upstream.
    var isForwarding: Bool {
        switch self {
        case .forwarded, .via, .xForwardedFor, .xForwardedProto, .xForwardedHost, .xForwardedPort,
            .xForwardedServer, .xForwardedPrefix, .xRealIP, .xClientIP, .trueClientIP,
            .cfConnectingIP:
            true
        default: false
        }
    }

    /// Frames or routes the message, so a Connection header cannot take it away.
    var isFraming: Bool {
        switch self {
        case .host, .contentLength, .contentEncoding, .contentType, .expect: true
        default: false
        }
    }
}
