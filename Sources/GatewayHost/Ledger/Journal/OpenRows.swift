// Which requests have an open row and no seal yet, and in which segment that row stands.
//
// Kind: value. Pure.

struct OpenRows {
    private var segments: [RowID: UInt64] = [:]

    var count: Int { segments.count }
    var ids: [RowID] { segments.keys.sorted() }

    mutating func saw(_ head: RowDecoder.Head, in segment: UInt64) {
        switch head.kind {
        case .open: segments[head.id] = segment
        case .sealed: segments[head.id] = nil
        case .attempt, .checkpoint: break
        }
    }

    /// The first segment that has an open row; `otherwise` when none has.
    func oldestSegment(_ otherwise: UInt64) -> UInt64 { segments.values.min() ?? otherwise }
}
