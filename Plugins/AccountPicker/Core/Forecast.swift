// How many more requests an account will take before a limit of the provider stops it.
//
// Each answer's headers say what is left. Divided by what a request usually uses, less what is under way
// and not yet in those numbers, that is the room until a time; each request that goes out takes of it.
// Without room the account is left alone before it refuses anything. It is a wish, not a refusal: an
// account without room is taken when no other one can be.
//
//     a bucket refills evenly until its reset: what we say of it ends when a tenth has come back, or
//     enough for four requests; a window of a subscription opens at its reset at once
//
// Where there is room for more than `plenty` requests nothing is said, so that an account far from its
// limits costs one look at a zero.
//
// Kind: pure values of one or two words, shared with atomics. Times are monotonic milliseconds; room counts in
// sixteenths of a usual request.

struct Forecast: Equatable {
    /// Of a usual request.
    static let unit = 16
    private static let plenty = 256 * unit
    private static let roomLimit = (1 << 16) - 1

    /// 0: nothing is known.
    private(set) var until: UInt64 = 0
    private(set) var room = 0

    static let unknown = Forecast()

    /// True if a request that uses `cost` sixteenths would find nothing left.
    func leavesAlone(at now: UInt64, cost: Int = unit) -> Bool { now < until && room < cost }

    mutating func spend(_ cost: Int = unit) { room = max(0, room - cost) }

    /// The narrower of two.
    func meeting(_ other: Forecast) -> Forecast {
        if until == 0 || other.until == 0 { return until == 0 ? other : self }
        return other.room < room || other.room == room && other.until > until ? other : self
    }

    // MARK: From reports

    /// What is left in a bucket of an API key.
    /// - Parameters:
    ///   - expected: what a request usually takes from it.
    ///   - underWay: requests that it does not know of yet.
    ///   - left: milliseconds until it is full again; asked, as the time is, only if it is scarce.
    init(_ bucket: LimitReport.Bucket, expected: Double, underWay: Int, left: () -> Int, now: () -> UInt64) {
        self.init()
        guard bucket.isKnown, expected > 0 else { return }
        let share = Double(bucket.remaining) / expected - Double(underWay)
        guard Self.isScarce(share) else { return }
        let left = Double(left())
        let missing = Double(bucket.limit - bucket.remaining)
        let enough = max(Double(bucket.limit) / 10, 4 * expected)
        set(requests: share, wait: missing > enough ? left * enough / missing : left, now: now())
    }

    /// What is left in a window of a subscription.
    init(_ window: LimitReport.Window, expected: Double, underWay: Int, left: () -> Int, now: () -> UInt64) {
        self.init()
        guard window.isKnown, expected > 0 else { return }
        let share = (1 - window.utilisation) / expected - Double(underWay)
        if Self.isScarce(share) { set(requests: share, wait: Double(left()), now: now()) }
    }

    private static func isScarce(_ requests: Double) -> Bool { requests * Double(unit) < Double(plenty) }

    private mutating func set(requests: Double, wait: Double, now: UInt64) {
        guard wait > 0 else { return }
        room = max(0, Int(requests * Double(Self.unit)))
        // Whoever sends a reset in years is asked again within the hour.
        until = now + UInt64(min(max(wait, 1), 3_600_000))
    }

    // MARK: One word

    init() {}

    /// until 48 | room 16
    var bits: UInt64 { until == 0 ? 0 : until << 16 | UInt64(min(room, Self.roomLimit)) }

    init(bits: UInt64) {
        until = bits >> 16
        room = Int(bits & 0xffff)
    }
}

/// What a request on an account usually uses, learnt from those that ended.
struct UsualUse: Equatable {
    /// Before anything is known: a short turn of a conversation, and a four-hundredth of five hours.
    private(set) var inputTokens: Float = 2_000
    private(set) var outputTokens: Float = 500
    private(set) var share: Float = 0.0025

    mutating func used(inputTokens input: Int, outputTokens output: Int) {
        inputTokens += (Float(max(input, 1)) - inputTokens) / 8
        outputTokens += (Float(max(output, 1)) - outputTokens) / 8
    }

    /// A window of a subscription went from one utilisation to another over so many requests.
    mutating func moved(from old: Double, to new: Double, requests: Int) {
        guard requests > 0, new >= old, old >= 0 else { return }
        share += (Float((new - old) / Double(requests)) - share) / 8
        share = max(share, 0.000_01)
    }

    // MARK: Two words

    init() {}

    init(tokenBits: UInt64, shareBits: UInt32) {
        inputTokens = Float(bitPattern: UInt32(truncatingIfNeeded: tokenBits >> 32))
        outputTokens = Float(bitPattern: UInt32(truncatingIfNeeded: tokenBits))
        share = Float(bitPattern: shareBits)
    }

    /// input 32 | output 32
    var tokenBits: UInt64 { UInt64(inputTokens.bitPattern) << 32 | UInt64(outputTokens.bitPattern) }
    var shareBits: UInt32 { share.bitPattern }
}

/// What a window of a subscription said last, and how many requests had begun on the account by then.
struct WindowMark {
    /// Below 0 before the first report.
    var utilisation: Float = -1
    /// Modulo 2^32.
    var started: UInt32 = 0

    init(utilisation: Float = -1, started: UInt32 = 0) {
        self.utilisation = utilisation
        self.started = started
    }

    /// utilisation 32 | started 32
    var bits: UInt64 { UInt64(utilisation.bitPattern) << 32 | UInt64(started) }

    init(bits: UInt64) {
        utilisation = Float(bitPattern: UInt32(truncatingIfNeeded: bits >> 32))
        started = UInt32(truncatingIfNeeded: bits)
    }
}

extension LimitReport {
    /// What it means for all of the account, and for the family of the request that brought it.
    /// - Parameters:
    ///   - inFlight: requests that run on the account, none of whose output is in the numbers yet.
    ///   - later: those of them that began after this one, which the upstream may not have counted.
    func forecast(
        _ usual: UsualUse, scope: LimitScope, inFlight: Int, later: Int,
        wall: @autoclosure () -> Int, now: @autoclosure () -> UInt64
    ) -> (account: Forecast, family: Forecast) {
        func left(_ reset: Int) -> Int { min(max(reset - wall(), 0), 1_000_000) * 1000 }
        func bucket(_ bucket: Bucket, _ expected: Double, _ underWay: Int) -> Forecast {
            Forecast(bucket, expected: expected, underWay: underWay, left: { left(bucket.reset) }, now: now)
        }
        func window(_ window: Window) -> Forecast {
            let share = Double(usual.share)
            return Forecast(window, expected: share, underWay: inFlight, left: { left(window.reset) }, now: now)
        }
        let input = Double(usual.inputTokens)
        let output = Double(usual.outputTokens)
        var family = bucket(requests, 1, later)
            .meeting(bucket(inputTokens, input, later))
            .meeting(bucket(outputTokens, output, inFlight))
            .meeting(bucket(tokens, input + output, inFlight))
        let account = window(fiveHour).meeting(window(sevenDay))
        if scope != .account { family = family.meeting(window(self.window(of: scope))) }
        return (account, family)
    }
}
