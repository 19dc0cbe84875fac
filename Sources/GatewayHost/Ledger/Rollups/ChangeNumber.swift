// What a folding is numbered with, so that others can be told what changed since the number they know.
//
// Microseconds since 1970, and always more than the number before. After a power cut the file may have lost its last
// foldings; their rows are folded again, and because the clock has gone on, under numbers that nobody was told of yet.
// Where the clock went back as well, somebody knows a number that we do not, and is told everything anew.
//
// Kind: pure functions.

enum ChangeNumber {
    /// - Parameter now: nanoseconds since 1970.
    static func next(after last: Int64, now: UInt64) -> Int64 { max(last + 1, Int64(now / 1000)) }
}
