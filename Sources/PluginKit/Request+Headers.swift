// All headers of a message in turn, for those who look for more than one of them.
//
// Kind: extension of Request; [worker].

extension Request {
    /// Calls `body` with every header in order, repeated ones each time; the pseudo-headers are not among them.
    @inlinable
    public func forEachHeader(of side: gw_side = GW_REQUEST, _ body: (_ name: Bytes, _ value: Bytes) -> Void) {
        var pair = gw_pair()
        var index = 0
        while host.pointee.header_at(raw, side, index, &pair) == GW_OK {
            body(Bytes(pair.name), Bytes(pair.value))
            index += 1
        }
    }
}
