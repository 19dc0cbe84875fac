// What the hooks of an attempt, a chunk and the end of an exchange are told, in typed words.
//
// Kind: values over the host's structs; they live in the call. A member that the host's struct does
// not reach because the host is older reads as absent.

/// An attempt that got response headers, or failed before.
public struct Attempt {
    public let raw: UnsafePointer<gw_attempt>
    @usableFromInline init(raw: UnsafePointer<gw_attempt>) { self.raw = raw }

    /// 1 for the first.
    public var number: Int { Int(raw.pointee.number) }
    /// A retry would be refused: attempts, time or the body are exhausted.
    public var isLast: Bool { raw.pointee.flags & GW_ATTEMPT_LAST != 0 }
    /// All of the request was sent and nothing came back: the upstream may have done what it asks for.
    public var mayHaveRun: Bool { raw.pointee.flags & GW_ATTEMPT_MAY_HAVE_RUN != 0 }
    /// The proxy could not be reached, refused, or was silent for too long; what is behind it was not heard of.
    public var proxyFailed: Bool { raw.pointee.flags & GW_ATTEMPT_PROXY_FAILED != 0 }
    /// No connection was tried: one failed a moment ago, and what is said of the proxy is of that one, or too many are on their way.
    public var wasNotDialled: Bool { raw.pointee.flags & GW_ATTEMPT_NOT_DIALLED != 0 }
    /// There was a connection to the upstream, new or kept: an answer came, one was made, or the request went out.
    public var hadConnection: Bool { status != 0 || raw.pointee.connected_ns != 0 || raw.pointee.first_byte_ns != 0 || mayHaveRun }
    /// From the beginning of the attempt to a new connection; nil if none was made for it.
    public var secondsToConnection: Double? {
        let (start, connected) = (raw.pointee.start_ns, raw.pointee.connected_ns)
        return connected > start ? Double(connected - start) / 1e9 : nil
    }
    /// The HTTP status; 0 if none arrived.
    public var status: Int { Int(raw.pointee.status) }
    /// GW_OK if a status arrived, whatever it is.
    public var error: gw_error { raw.pointee.error }
    /// From the beginning of the attempt, the connection included, to the first byte of an answer; nil if none came.
    public var secondsToFirstByte: Double? {
        let (start, first) = (raw.pointee.start_ns, raw.pointee.first_byte_ns)
        return first > start ? Double(first - start) / 1e9 : nil
    }
    /// What the upstream asked for; 0 if it did not.
    public var retryAfterMilliseconds: Int { Int(raw.pointee.retry_after_ms) }
    /// The start of the body if the status is an error.
    public var errorBody: Bytes { Bytes(raw.pointee.error_body) }
}

/// Bytes of the response body, or exactly one server-sent event.
public struct Chunk {
    public let raw: UnsafePointer<gw_chunk>
    @usableFromInline init(raw: UnsafePointer<gw_chunk>) { self.raw = raw }

    public var isLast: Bool { raw.pointee.flags & GW_CHUNK_LAST != 0 }
    public var isEvent: Bool { raw.pointee.flags & GW_CHUNK_SSE != 0 }
    /// The bytes as they would be sent.
    public var bytes: Bytes { Bytes(raw.pointee.raw) }
    /// The name of the event.
    public var event: Bytes { Bytes(raw.pointee.event) }
    /// Its id; absent if it has none.
    public var id: Bytes { Bytes(raw.pointee.id) }
    public var data: Bytes { Bytes(raw.pointee.data) }
}

/// The exchange, looked back at.
public struct Summary {
    public let raw: UnsafePointer<gw_summary>
    @usableFromInline init(raw: UnsafePointer<gw_summary>) { self.raw = raw }

    /// As the client saw it; 0 if it saw none.
    public var status: Int { Int(raw.pointee.status) }
    /// GW_OK, or why the exchange ended early.
    public var error: gw_error { raw.pointee.error }
    public var attempts: Int { Int(raw.pointee.attempts) }
    public var requestBytes: Int { Int(clamping: raw.pointee.request_bytes) }
    public var responseBytes: Int { Int(clamping: raw.pointee.response_bytes) }

    /// Seconds from the first byte of the request to the last of the response.
    public var duration: Double { seconds(to: raw.pointee.end_ns) ?? 0 }
    /// Seconds until the first response byte left for the client; nil if none did.
    public var timeToFirstByte: Double? { seconds(to: raw.pointee.first_byte_ns) }

    private func seconds(to end: UInt64) -> Double? {
        end >= raw.pointee.start_ns && end != 0 ? Double(end - raw.pointee.start_ns) / 1e9 : nil
    }
}
