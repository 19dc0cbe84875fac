// How long to wait before something that failed is tried again: twice as long after each failure, and never at the same
// moment as other loops and nodes.
//
// Kind: value. Pure; the dice are given.

struct Backoff {
    private let first: Int
    private let longest: Int
    private var milliseconds: Int

    /// Both in milliseconds.
    init(first: Int, longest: Int) {
        self.first = first
        self.longest = longest
        milliseconds = first
    }

    /// - Parameter dice: in 0..<1.
    /// - Returns: between half and all of what is due, in milliseconds.
    mutating func next(_ dice: Double) -> Int {
        let due = milliseconds
        milliseconds = min(2 * milliseconds, longest)
        return due / 2 + Int(Double(due - due / 2) * dice)
    }

    /// It worked.
    mutating func reset() { milliseconds = first }
}
