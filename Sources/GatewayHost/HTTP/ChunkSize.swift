// The line that opens a chunk when we write a chunked body.
//
// Kind: value. Eighteen bytes at most: sixteen digits and CR LF.

struct ChunkSize {
    static let bytesLimit = 18
    /// Ends a chunked body without trailers.
    static let end: StaticString = "0\r\n\r\n"
    /// Follows the data of each chunk.
    static let separator: StaticString = "\r\n"

    private var text = InlineArray<18, UInt8>(repeating: 0)
    /// How many bytes `write` produces.
    let count: Int

    /// - Parameter size: bytes of data in the chunk, above 0, since a chunk of none ends the body.
    init(_ size: Int) {
        precondition(size > 0, "a chunk without data would end the body")
        let digits = (67 - size.leadingZeroBitCount) / 4
        for place in 0..<digits {
            let digit = UInt8(truncatingIfNeeded: size >> (4 * (digits - 1 - place))) & 15
            text[place] = digit < 10 ? 0x30 + digit : 0x61 + digit - 10
        }
        text[digits] = 0x0d
        text[digits + 1] = 0x0a
        count = digits + 2
    }

    /// Writes the line to `target`, which has room for `bytesLimit` bytes; returns `count`.
    @discardableResult
    func write(to target: UnsafeMutablePointer<UInt8>) -> Int {
        for place in 0..<count { target[place] = text[place] }
        return count
    }
}
