// What an attempt tells of the proxy that it was to go through.
//
// Kind: pure value.

import PluginKit

enum ExitOutcome: Equatable {
    /// There was a connection through it.
    case worked
    /// It was dialled, and is to blame.
    case failed
    /// It was to blame a moment ago, and was not dialled again: no news, but another way is worth a try.
    case remembered
    /// Nothing is known: the attempt ended before the dial, or what is behind the proxy failed.
    case untold

    init(_ attempt: Attempt) {
        self.init(proxyFailed: attempt.proxyFailed, wasNotDialled: attempt.wasNotDialled, hadConnection: attempt.hadConnection)
    }

    init(proxyFailed: Bool, wasNotDialled: Bool, hadConnection: Bool) {
        if proxyFailed {
            self = wasNotDialled ? .remembered : .failed
        } else {
            self = hadConnection ? .worked : .untold
        }
    }
}
