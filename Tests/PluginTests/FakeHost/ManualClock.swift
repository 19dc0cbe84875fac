// The time of a test: it stands still until the test moves it.

final class ManualClock {
    /// Wall clock at the start of every test.
    static let start = "2026-03-01T12:00:00Z"
    static let startSeconds: UInt64 = 1_772_366_400

    private(set) var monotonic: UInt64 = 1_000_000_000_000
    private(set) var wall: UInt64 = startSeconds * 1_000_000_000

    func advance(milliseconds: UInt64) {
        monotonic += milliseconds * 1_000_000
        wall += milliseconds * 1_000_000
    }

    func advance(seconds: UInt64) { advance(milliseconds: seconds * 1000) }
}
