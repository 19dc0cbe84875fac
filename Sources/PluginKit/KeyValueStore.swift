// gw.kv/1 in Swift words: small values with a lifetime, private to the instance's name.
//
// Kind: value over the host's constant table; operations are [worker].

public struct KeyValueStore: @unchecked Sendable {
    // The table is constant and lives as long as the process.
    private let table: UnsafePointer<gw_kv>
    init(_ table: UnsafePointer<gw_kv>) { self.table = table }

    /// Other gateway processes see the same keys.
    public var isShared: Bool { table.pointee.flags & GW_KV_SHARED != 0 }

    /// The result's bytes are the value, its error GW_E_ABSENT if there is none.
    public func get(
        _ request: Request, _ key: Bytes, _ completion: @escaping Completion
    ) -> Operation? {
        CompletionBox.start(completion) { table.pointee.get(request.raw, key.abi, $0, $1) }
    }

    /// - Parameter lifetimeMilliseconds: 0 for ever.
    public func set(
        _ request: Request, _ key: Bytes, _ value: Bytes, lifetimeMilliseconds: UInt32 = 0,
        _ completion: @escaping Completion
    ) -> Operation? {
        CompletionBox.start(completion) {
            table.pointee.set(request.raw, key.abi, value.abi, lifetimeMilliseconds, $0, $1)
        }
    }

    /// The result's number is the sum; the lifetime counts from the key's creation.
    public func add(
        _ request: Request, _ key: Bytes, _ delta: Int, lifetimeMilliseconds: UInt32 = 0,
        _ completion: @escaping Completion
    ) -> Operation? {
        CompletionBox.start(completion) {
            table.pointee.add(request.raw, key.abi, Int64(delta), lifetimeMilliseconds, $0, $1)
        }
    }

    /// Sets `value` if the key still holds `expected` (absent: does not exist); otherwise
    /// GW_E_CONFLICT and the bytes that are there.
    public func swap(
        _ request: Request, _ key: Bytes, expected: Bytes, _ value: Bytes,
        lifetimeMilliseconds: UInt32 = 0, _ completion: @escaping Completion
    ) -> Operation? {
        CompletionBox.start(completion) {
            table.pointee.swap(
                request.raw, key.abi, expected.abi, value.abi, lifetimeMilliseconds, $0, $1)
        }
    }
}

extension Instance {
    public func keyValueStore() throws -> KeyValueStore {
        KeyValueStore(try query(GW_KV, as: gw_kv.self))
    }
}
