// Durations as the timers take them.

extension Duration {
    /// Whole milliseconds, rounded up so that a short time is not none; clamped to what fits.
    var milliseconds: Int {
        let (seconds, attoseconds) = components
        guard seconds < Int64.max / 1000 else { return .max }
        return max(0, Int(seconds) * 1000 + Int((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000))
    }
}
