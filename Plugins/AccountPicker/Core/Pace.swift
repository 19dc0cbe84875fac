// Whether an account is much slower than its peers, by the time to the first byte of its streams.
//
// How long that takes depends on the model more than on the account, so it is measured against what the
// faster accounts of the pool need for the same family: `PeerPace` follows the lower quartile of all
// samples, `Pace` the smoothed ratio of one account's samples to it. An account is much slower when its
// ratio is above four after eight samples, and that makes a second or more: below that nobody notices.
//
// Kind: pure values, a word each, shared with atomics. Milliseconds.

struct PeerPace: Equatable {
    /// The time that a quarter of all samples stay below; 0 before the first.
    private(set) var milliseconds: Double = 0

    mutating func observed(_ sample: Double) {
        let sample = max(sample, 1)
        if milliseconds == 0 {
            milliseconds = sample
        } else {
            // A step down is three times a step up: it settles where samples below are a quarter.
            milliseconds *= sample < milliseconds ? 0.94 : 1.02
        }
    }

    init() {}
    var bits: UInt64 { milliseconds.bitPattern }
    init(bits: UInt64) { milliseconds = Double(bitPattern: bits) }
}

struct Pace: Equatable {
    private static let samplesNeeded = 8
    private static let muchSlower = 4.0
    private static let noticedMilliseconds = 1_000.0

    private(set) var ratio: Float = 1
    private(set) var samples = 0

    mutating func observed(_ sample: Double, peers: PeerPace) {
        guard peers.milliseconds > 0 else { return }
        ratio += (Float(max(sample, 1) / peers.milliseconds) - ratio) / 8
        samples = min(samples + 1, Self.samplesNeeded)
    }

    func isMuchSlower(than peers: PeerPace) -> Bool {
        samples >= Self.samplesNeeded && Double(ratio) > Self.muchSlower
            && (Double(ratio) - 1) * peers.milliseconds >= Self.noticedMilliseconds
    }

    init() {}
    var bits: UInt64 { UInt64(ratio.bitPattern) << 32 | UInt64(samples) }

    init(bits: UInt64) {
        guard bits != 0 else { return }
        ratio = Float(bitPattern: UInt32(bits >> 32))
        samples = Int(bits & 0xff)
    }
}
