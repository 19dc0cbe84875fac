// How long the shipper waits after a failure: twice as long each time, and no two nodes at the same moment.
//
// Kind: value. Pure; the dice are given.

struct ShipPause {
    static let firstMilliseconds = 500
    static let longestMilliseconds = 30_000

    private var milliseconds = firstMilliseconds

    /// - Parameter dice: in 0..<1.
    /// - Returns: between half and all of what is due.
    mutating func next(_ dice: Double) -> Int {
        let due = milliseconds
        milliseconds = min(2 * milliseconds, Self.longestMilliseconds)
        return due / 2 + Int(Double(due - due / 2) * dice)
    }

    mutating func reset() { milliseconds = Self.firstMilliseconds }
}
