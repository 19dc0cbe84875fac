// The one record that OpenSSL may hold between two writes.
//
// A TLS write that would block has encrypted a record already and insists that the next write offers
// at least as many bytes. A caller that offered head and body together may come back with the head
// alone. Then the record is sent whole, and what went ahead of the caller is remembered and taken off
// what is offered next.
//
// Invariant: not both are positive.
//
// Kind: value, pure.

struct SealedRecord {
    /// A TLS record holds no more plain bytes (RFC 8446 section 5.1).
    static let limit = 16_384

    /// Plain bytes of the record that waits in OpenSSL; 0 for none.
    private(set) var count = 0
    /// Bytes that are sent but have not been offered by the caller since.
    private(set) var sentAhead = 0

    /// How many of `offered` bytes went out ahead; they need no writing.
    @inline(__always)
    mutating func takeSent(_ offered: Int) -> Int {
        if sentAhead == 0 { return 0 }
        let taken = min(sentAhead, offered)
        sentAhead -= taken
        return taken
    }

    /// OpenSSL sent `sent` bytes when the caller had offered `offered`; returns what to tell the caller.
    @inline(__always)
    mutating func recordSent(_ sent: Int, offered: Int) -> Int {
        count = 0
        sentAhead = max(0, sent - offered)
        return min(sent, offered)
    }

    /// OpenSSL sealed a record of `offered` bytes and could not send it.
    mutating func recordWaits(offered: Int) {
        assert(offered > 0 && offered <= SealedRecord.limit && sentAhead == 0)
        count = offered
    }
}
