// The client's address behind trusted proxies.
//
// Each proxy appends the address it saw, so the list is read from its end: the last address that is
// not a trusted proxy's is the client's. A list that is not made of addresses is believed no further
// than it could be read.
//
// Kind: pure function.

enum ForwardedFor {
    /// - Parameters:
    ///   - peer: address of the connection.
    ///   - header: value of `x-forwarded-for`; absent if there is none.
    /// - Returns: the part of the header that names the client, or nil: it is the peer itself.
    static func client(peer: IPAddress, header: Bytes, trusted: [AddressRange]) -> Bytes? {
        guard trusted.contains(peer), !header.isEmpty else { return nil }
        var found: Bytes?
        var end = header.count
        while end > 0 {
            var start = end
            while start > 0, header[start - 1] != 0x2c { start -= 1 }
            let element = trimmed(header.slice(start, end))
            guard let address = IPAddress(element.string) else { return found }
            found = element
            if !trusted.contains(address) { return found }
            end = max(start - 1, 0)
        }
        return found
    }

    private static func trimmed(_ bytes: Bytes) -> Bytes {
        var start = 0
        var end = bytes.count
        while start < end, bytes[start] == 0x20 || bytes[start] == 0x09 { start += 1 }
        while end > start, bytes[end - 1] == 0x20 || bytes[end - 1] == 0x09 { end -= 1 }
        return bytes.slice(start, end)
    }
}
