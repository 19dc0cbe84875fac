// What of a sealed row is added up: who, when, how much; read from the row without its other fields.
//
// Key, group and account stand beside each other in a row, so they are taken as one piece: two rows with the same piece and
// the same model belong to the same sum, and the piece is taken apart only for the first of them.
//
// Kind: value; `names` and `model` are views of the row.

struct CountedRow {
    /// Key, group, account.
    static let nameCount = 3

    /// Nanoseconds since 1970.
    var started: Int64
    var end: SealedRow.End
    var flags: SealedRow.Flags = []
    var attempts: UInt32 = 0
    /// Microseconds.
    var duration: UInt64 = 0
    var usage = Usage()
    /// Nano-dollars.
    var cost: Int64 = 0
    /// `nameCount` of them, each behind its length of one byte.
    var names = Bytes("")
    /// See `SealedRow.model`.
    var model = Bytes("")

    /// The sum it belongs to, in the hour that began at `hour`.
    func group(hour: Int64, day: CivilDay) -> RollupBatch.Group {
        var texts: [Bytes] = []
        var at = 0
        while at < names.count {
            let end = at + 1 + Int(names[at])
            texts.append(names.slice(at + 1, end))
            at = end
        }
        precondition(texts.count == Self.nameCount, "a row of the ledger has \(Self.nameCount) names")
        return RollupBatch.Group(
            hour: hour, day: day, key: texts[0].string, group: texts[1].string, account: texts[2].string, model: model.string)
    }
}
