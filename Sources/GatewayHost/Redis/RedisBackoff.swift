// How long to wait before the next attempt to connect: twice as long after each failure, and never at the same moment as
// the other loops and nodes.
//
// Kind: value. Pure; the dice are given.

struct RedisBackoff {
    static let firstMilliseconds = 50
    static let longestMilliseconds = 2000

    private var milliseconds = firstMilliseconds

    /// - Parameter dice: in 0..<1.
    /// - Returns: between half and all of what is due.
    mutating func next(_ dice: Double) -> Int {
        let due = milliseconds
        milliseconds = min(2 * milliseconds, Self.longestMilliseconds)
        return due / 2 + Int(Double(due - due / 2) * dice)
    }

    /// A connection serves.
    mutating func reset() { milliseconds = Self.firstMilliseconds }
}
