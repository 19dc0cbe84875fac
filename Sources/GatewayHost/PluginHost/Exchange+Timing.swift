// Which exchanges have their hooks timed.
//
// Kind: value.

extension Exchange {
    /// One exchange in 64 has its hooks timed: a clock read costs more than an empty hook.
    @inline(__always)
    var isTimed: Bool { (id >> 8) & 63 == 0 }
}
