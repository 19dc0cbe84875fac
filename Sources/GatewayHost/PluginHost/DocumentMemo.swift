// The documents that plugins asked about, each scanned once: which members it has, and where.
//
// A document that the host handed out itself (the request's body, the chunk in hand) is remembered by
// its address for as long as that address means the same bytes: a body until it is replaced or its
// exchange ends, a chunk until the next one. Any other document is scanned anew each time.
//
// Kind: loop-confined value. Bounded: a handful of documents, and for each its outermost members.

import PluginABI

struct DocumentMemo {
    private struct Member {
        var key: JSONKey
        var value: JSONSpan
    }

    private struct Document {
        var base: UnsafePointer<UInt8>?
        var count = 0
        var exchange: UInt64 = 0
        var revision: UInt64 = 0
        var isObject = false
        var members: [Member] = []
    }

    /// Exchanges of one loop whose hooks ask in turn.
    private static let documentLimit = 16
    /// An object with more members than this is scanned each time.
    private static let memberLimit = 256

    private var documents = [Document](repeating: Document(), count: documentLimit)
    private var nextPlace = 0

    // The chunk in hand, and what tells it from the one before at the same address.
    private var chunk: UnsafePointer<gw_chunk>?
    private var chunkExchange: UInt64 = 0
    private var chunkEntry = 0
    private var chunkRevision: UInt64 = 1
    /// Documents that were scanned, for the tests of "at most once".
    private(set) var scans = 0

    /// A chunk hook is about to be called. Chunks visit the chain from its end to its beginning, so a
    /// position that is not before the last one means another chunk.
    @inline(__always)
    mutating func chunkEntered(_ chunk: UnsafePointer<gw_chunk>, entry: Int, exchange: Exchange) {
        if entry >= chunkEntry || exchange.id != chunkExchange { chunkRevision &+= 1 }
        self.chunk = chunk
        chunkEntry = entry
        chunkExchange = exchange.id
    }

    /// What the chunk in hand was is decided: it is dropped, replaced, or a plugin looks no more.
    @inline(__always)
    mutating func chunkChanged() { chunkRevision &+= 1 }

    /// The value at `pointer` in `text`, as RFC 6901 says; nil if it is not there.
    mutating func find(_ text: Bytes, _ pointer: Bytes, exchange: Exchange) -> JSONSpan? {
        let scanner = JSONScanner(text)
        guard let revision = revision(of: text, exchange), pointer.count > 1, pointer[0] == 0x2f,
            let place = place(of: text, scanner, exchange.id, revision)
        else {
            scans += 1
            return scanner.value(at: pointer)
        }
        var tokenEnd = 1
        while tokenEnd < pointer.count, pointer[tokenEnd] != 0x2f { tokenEnd += 1 }
        let token = pointer.slice(1, tokenEnd)
        guard let member = member(token, in: documents[place]) else { return nil }
        if tokenEnd == pointer.count { return member }
        let inner = JSONScanner(text.slice(member.start, member.end))
        guard let found = inner.value(at: pointer.slice(tokenEnd, pointer.count)) else { return nil }
        return JSONSpan(start: found.start + member.start, end: found.end + member.start, kind: found.kind)
    }

    /// Non-nil if the host handed the document out and its address can be trusted to mean it.
    private func revision(of text: Bytes, _ exchange: Exchange) -> UInt64? {
        guard let base = text.base, text.count > 0, !exchange.isBackground else { return nil }
        if base == exchange.body.base, text.count == exchange.body.count { return 0 }
        guard exchange.phase == .chunk, exchange.id == chunkExchange, let chunk else { return nil }
        for part in [Bytes(chunk.pointee.data), Bytes(chunk.pointee.raw)]
        where base == part.base && text.count == part.count {
            return chunkRevision
        }
        return nil
    }

    /// Where the document's members are remembered; nil if it is no object or has too many.
    private mutating func place(
        of text: Bytes, _ scanner: JSONScanner, _ exchange: UInt64, _ revision: UInt64
    ) -> Int? {
        for place in documents.indices
        where documents[place].base == text.base && documents[place].count == text.count
            && documents[place].exchange == exchange && documents[place].revision == revision
        {
            return documents[place].isObject ? place : nil
        }
        let place = nextPlace
        nextPlace = (nextPlace + 1) % DocumentMemo.documentLimit
        var members = documents[place].members
        documents[place].members = []
        members.removeAll(keepingCapacity: true)
        scans += 1
        let isWhole = scanner.forEachTopLevelMember { key, value in
            if members.count <= DocumentMemo.memberLimit { members.append(Member(key: key, value: value)) }
        }
        let isObject = isWhole && members.count <= DocumentMemo.memberLimit
        documents[place] = Document(
            base: text.base, count: text.count, exchange: exchange, revision: revision, isObject: isObject, members: members)
        return isObject ? place : nil
    }

    private func member(_ token: Bytes, in document: Document) -> JSONSpan? {
        guard token.buffer.contains(0x7e) else {
            return document.members.last { $0.key.equals(token) }?.value
        }
        guard let decoded = JSONScanner.decode(token) else { return nil }
        return decoded.withUnsafeBytes { name in document.members.last { $0.key.equals(Bytes(name)) }?.value }
    }
}
