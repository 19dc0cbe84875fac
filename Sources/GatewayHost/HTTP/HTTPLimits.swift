// How much of a message's frame we are willing to read.
//
// Each limit exists because the part it bounds is held in memory, or read, before anybody has
// authenticated; the defaults leave room above what the official clients really send.
//
// Kind: value.

struct HTTPLimits: Sendable, Equatable {
    /// The whole head, in bytes. Claude Code sends about 1.5 KB; long tool allow-lists and tracing
    /// headers of companies have been seen at 20 KB.
    var headBytes = 64 << 10

    /// Header lines in one head. Browsers behind two proxies send about 40.
    var fieldCount = 128

    /// The request target. Ours are below 100 bytes; list calls carry cursors.
    var targetBytes = 16 << 10

    /// The trailer section after a chunked body. Nothing we relay uses one; checksums take 100 bytes.
    var trailerBytes = 8 << 10

    /// The extension of one chunk. Nobody we know sends any; room for a signature.
    var chunkExtensionBytes = 256

    /// All chunk extensions of one body together, so that one-byte chunks cannot make us read three
    /// hundred times the body (CVE-2023-39326 was that).
    var chunkExtensionTotalBytes = 16 << 10

    static let standard = HTTPLimits()
}
