// A piece of a response on its way out through the on_chunk hooks.
//
// A hook may replace a piece by several; those go on from the next hook, so each remembers where it
// stands. Usually there is one piece and nothing is allocated.
//
// Kind: value. The bytes live in the runner's `held` buffer or in the exchange's arena.

struct ChunkInHand {
    var raw: Bytes
    /// Position in the list of chunk hooks at which it goes on.
    var cursor = 0
    /// Exactly one event of a stream; `event`, `id` and `data` are its fields.
    var isEvent = false
    var event = Bytes.absent
    var id = Bytes.absent
    var data = Bytes.absent
    var isLast = false
}
