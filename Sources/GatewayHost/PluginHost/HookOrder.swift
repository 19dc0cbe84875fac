// Which entries have a hook for a phase, in the order in which they are called: chain order on the
// way in, reverse on the way out.
//
// Kind: value; one contiguous piece of memory, so that a phase without hooks costs one comparison.

import PluginABI

struct HookOrder: ~Copyable {
    /// Longer chains are a mistake in a configuration file.
    static let chainLimit = 64

    private let positions: UnsafeMutablePointer<Int>
    private let counts: UnsafeMutablePointer<Int>
    private let stride: Int

    init(_ tables: [UnsafePointer<gw_plugin>]) {
        precondition(tables.count <= HookOrder.chainLimit)
        stride = max(tables.count, 1)
        positions = .allocate(capacity: stride * Phase.allCases.count)
        counts = .allocate(capacity: Phase.allCases.count)
        for phase in Phase.allCases {
            let having = tables.indices.filter { HookOrder.has(phase, tables[$0].pointee) }
            let ordered = phase.runsInReverse ? having.reversed() : having
            (counts + Int(phase.rawValue)).initialize(to: ordered.count)
            for (index, entry) in ordered.enumerated() {
                (positions + Int(phase.rawValue) * stride + index).initialize(to: entry)
            }
        }
    }

    deinit {
        positions.deallocate()
        counts.deallocate()
    }

    @inline(__always)
    func count(_ phase: Phase) -> Int { counts[Int(phase.rawValue)] }

    @inline(__always)
    func entries(_ phase: Phase) -> UnsafeBufferPointer<Int> {
        UnsafeBufferPointer(start: positions + Int(phase.rawValue) * stride, count: count(phase))
    }

    private static func has(_ phase: Phase, _ table: gw_plugin) -> Bool {
        switch phase {
        case .request: table.on_request != nil
        case .body: table.on_body != nil
        case .select: table.on_select != nil
        case .attempt: table.on_attempt != nil
        case .response: table.on_response != nil
        case .chunk: table.on_chunk != nil
        case .complete: table.on_complete != nil
        case .admin: table.on_admin != nil
        }
    }
}
