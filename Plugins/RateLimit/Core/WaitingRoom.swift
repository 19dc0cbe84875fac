// Where requests wait for places, as all workers of an entry use it, and all its generations: a reload neither loses who
// waits nor lets others past them.
//
// No wake-up is lost: who joins a line looks for a place afterwards, and who gives a place back looks at the line
// afterwards. Over Redis the two may cross, on two connections; then the first finds the place when it looks next by its
// own clock, as it finds places that other gateways give back.
//
// Kind: shared. The lock is held for looking through the lines; whoever is woken is woken after it.

import PluginKit
import Synchronization

final class WaitingRoom: Sendable {
    /// Requests that wait at all, of all keys together.
    static let limit = 16_384

    private let line: Locked<WaitingLine>
    private let count = Atomic<Int>(0)
    private let lastNumber = Atomic<UInt64>(0)

    init(limit: Int = limit) { line = Locked(WaitingLine(limit: limit)) }

    /// By the names of entries: as many as the operator ever had.
    private static let rooms = Locked<[String: WaitingRoom]>([:])

    static func of(entry: String) -> WaitingRoom {
        rooms.withLock { rooms in
            if let room = rooms[entry] { return room }
            let room = WaitingRoom()
            rooms[entry] = room
            return room
        }
    }

    var isEmpty: Bool { count.load(ordering: .sequentiallyConsistent) == 0 }
    var waiting: Int { count.load(ordering: .relaxed) }

    func newNumber() -> UInt64 { lastNumber.wrappingAdd(1, ordering: .relaxed).newValue }

    /// Somebody waits there.
    func isBusy(_ bucket: [UInt8]) -> Bool { line.withLock { !$0.isEmpty(bucket) } }

    func join(_ bucket: [UInt8], _ number: UInt64, most: Int, wake: @escaping WaitingLine.Wake) -> WaitingLine.Joined {
        changing { $0.join(bucket, number, most: most, wake: wake) }
    }

    func look(_ bucket: [UInt8], _ number: UInt64) -> Bool { line.withLock { $0.look(bucket, number) } }

    func wait(_ bucket: [UInt8], _ number: UInt64, wake: @escaping WaitingLine.Wake) -> Bool {
        line.withLock { $0.wait(bucket, number, wake: wake) }
    }

    func leave(_ bucket: [UInt8], _ number: UInt64) {
        changing { $0.leave(bucket, number) }?()
    }

    /// A place was given back.
    func placeIsFree(_ bucket: [UInt8]) {
        line.withLock { $0.placeIsFree(bucket) }?()
    }

    private func changing<Result>(_ body: (inout WaitingLine) -> Result) -> Result {
        line.withLock { line in
            defer { count.store(line.count, ordering: .sequentiallyConsistent) }
            return body(&line)
        }
    }
}
