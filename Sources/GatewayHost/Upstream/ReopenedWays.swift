// Proxies of which somebody knows that they may be dialled again: an operator said so, or a connection was made to find out.
// Every loop hears of it before it refuses a dial.
//
// Kind: shared; read with one atomic load unless there is news.

import Synchronization

final class ReopenedWays: Sendable {
    private struct News {
        var proxies: [[UInt8]] = []
        /// Of the first of `proxies`.
        var first: UInt64 = 1
    }

    /// A loop that missed more takes it that all of them may be dialled.
    private static let keptLimit = 64

    private let last = Atomic<UInt64>(0)
    private let news = Mutex(News())

    /// - Parameter proxy: as targets have it; holds a secret.
    func announce(_ proxy: Bytes) {
        news.withLock { news in
            news.proxies.append(Array(proxy.buffer))
            if news.proxies.count > Self.keptLimit {
                news.proxies.removeFirst()
                news.first += 1
            }
            last.store(news.first + UInt64(news.proxies.count) - 1, ordering: .releasing)
        }
    }

    enum Told: Equatable {
        case nothing
        case these([[UInt8]])
        /// More than is kept.
        case all
    }

    /// What is new since `seen`, which then is the newest.
    func since(_ seen: inout UInt64) -> Told {
        if last.load(ordering: .acquiring) == seen { return .nothing }
        return news.withLock { news in
            let known = seen
            seen = news.first + UInt64(news.proxies.count) - 1
            if known + 1 < news.first { return .all }
            return .these(Array(news.proxies[Int(known + 1 - news.first)...]))
        }
    }
}
