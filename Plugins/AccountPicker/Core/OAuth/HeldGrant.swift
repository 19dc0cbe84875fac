// The credential of one account as all workers of this process have it: the newest that any of them was told, and who
// waits for a newer one.
//
// 1. A revision older than what is held changes nothing, and while what was granted could not be stored yet, no record that
//    still has the tokens from before.
// 2. The account's word in its Standing is set under the lock, so that it never says ready without a token.
// 3. At most one refresh of the account is under way in this process; other processes are kept out by the claim in the
//    record.
//
// Kind: shared. Who waits is woken after the lock.

import PluginKit

/// An access token as it is sent.
final class SentToken: Sendable {
    /// "Bearer …"
    let header: [UInt8]
    /// Tells it from the one before.
    let number: UInt32

    init(_ token: String, number: UInt32) {
        header = Array("Bearer \(token)".utf8)
        self.number = number
    }
}

final class HeldGrant: Sendable {
    private struct Contents {
        var grant = Grant()
        var revision = 0
        var token: SentToken?
        var lastNumber: UInt32 = 0
        /// The token of this number was answered with 401; 0: none.
        var rejected: UInt32 = 0
        var isAtWork = false
        /// What was granted is not stored yet: the tokens that records have until it is.
        var replaced: (access: String?, refresh: String?)?
        var lastWaiter: UInt64 = 0
        var waiters: [(number: UInt64, signal: Signal)] = []

        var isRejected: Bool { token != nil && token?.number == rejected }
    }

    let standing: Standing
    private let contents = Locked(Contents())

    init(_ standing: Standing) { self.standing = standing }

    /// What is sent now; nil if there never was one.
    var token: SentToken? { contents.withLock { $0.token } }
    var grant: Grant { contents.withLock { $0.grant } }
    var isRejected: Bool { contents.withLock { $0.isRejected } }
    var isAtWork: Bool { contents.withLock { $0.isAtWork } }

    struct Moment {
        /// Seconds since 1970, and monotonic milliseconds.
        let wall: Int
        let now: UInt64
    }

    /// The grant of a record.
    /// - Returns: true if it may be sent now and could not before.
    @discardableResult
    func hold(_ grant: Grant, revision: Int, _ moment: Moment) -> Bool {
        take(grant, moment) { contents in
            guard revision >= contents.revision else { return false }
            contents.revision = revision
            // A notice of the record from before, or another change of it, made without the new tokens.
            if let old = contents.replaced, grant.accessToken == old.access, grant.refreshToken == old.refresh { return false }
            contents.replaced = nil
            return true
        }
    }

    /// A grant that could not be stored yet, and what the record has until it is.
    /// - Returns: true if it may be sent now and could not before.
    @discardableResult
    func hold(_ grant: Grant, inPlaceOf old: Grant, _ moment: Moment) -> Bool {
        take(grant, moment) { contents in
            contents.replaced = (old.accessToken, old.refreshToken)
            return true
        }
    }

    private func take(_ grant: Grant, _ moment: Moment, if isNew: (inout Contents) -> Bool) -> Bool {
        let (isReady, woken) = contents.withLock { contents -> (Bool, [Signal]) in
            guard isNew(&contents) else { return (false, []) }
            let wasReady = GrantWord(bits: standing.grant).verdict(at: moment.now) == .ready && contents.token != nil
            let changed = grant.accessToken != contents.grant.accessToken
            let settled = grant.state != .refreshing && contents.grant.state == .refreshing
            contents.grant = grant
            if changed, let token = grant.accessToken {
                contents.lastNumber += 1
                contents.token = SentToken(token, number: contents.lastNumber)
            }
            mark(contents, moment)
            let isReady = GrantWord(bits: standing.grant).verdict(at: moment.now) == .ready
            guard changed || settled || !isReady && grant.state == .needsOperator else { return (isReady && !wasReady, []) }
            let woken = contents.waiters.map(\.signal)
            contents.waiters = []
            return (isReady && !wasReady, woken)
        }
        for signal in woken { signal.send() }
        return isReady
    }

    private func mark(_ contents: Contents, _ moment: Moment) {
        standing.grant =
            GrantWord(contents.grant.readiness(at: moment.wall, isRejected: contents.isRejected), wall: moment.wall, now: moment.now).bits
    }

    enum Rejection: Equatable {
        /// There is another token since.
        case newer
        /// It should be refreshed.
        case refresh
        /// Nothing can be done but what is done about any refused credential.
        case none
    }

    /// The upstream answered 401 to the token of this number.
    func reject(_ number: UInt32, _ moment: Moment) -> Rejection {
        contents.withLock { contents in
            guard let token = contents.token, contents.grant.accessToken != nil else { return .none }
            guard token.number == number else { return .newer }
            contents.rejected = number
            mark(contents, moment)
            if contents.grant.state == .refreshing { return .refresh }
            return contents.grant.state == .valid && contents.grant.refreshToken != nil ? .refresh : .none
        }
    }

    /// False if a refresh is under way in this process.
    func beginWork() -> Bool {
        contents.withLock { contents in
            if contents.isAtWork { return false }
            contents.isAtWork = true
            return true
        }
    }

    /// The refresh is over, whatever came of it: who waits looks at it.
    func endWork() {
        let woken = contents.withLock { contents in
            contents.isAtWork = false
            defer { contents.waiters = [] }
            return contents.waiters.map(\.signal)
        }
        for signal in woken { signal.send() }
    }

    /// `signal` is sent once when something has happened to the credential.
    func wait(_ signal: Signal) {
        contents.withLock { contents in
            contents.lastWaiter += 1
            contents.waiters.append((contents.lastWaiter, signal))
        }
    }

    /// A token newer than the one of this number may be sent.
    func hasNewer(than number: UInt32, at now: UInt64) -> Bool {
        contents.withLock { contents in
            guard let token = contents.token, token.number != number, contents.grant.accessToken != nil else { return false }
            return GrantWord(bits: standing.grant).verdict(at: now) == .ready
        }
    }
}
