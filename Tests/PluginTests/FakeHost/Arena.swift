// Memory of a scope in a test: structs of the contract with their owner behind them, copies of
// text, zeroed blocks. All of it is given back when the scope goes.

import PluginKit

final class Arena {
    private var blocks: [UnsafeMutableRawPointer] = []

    deinit { for block in blocks { block.deallocate() } }

    /// Zeroed memory, 16-byte aligned.
    func allocate(_ length: Int) -> UnsafeMutableRawPointer {
        let block = UnsafeMutableRawPointer.allocate(byteCount: max(1, length), alignment: 16)
        block.initializeMemory(as: UInt8.self, repeating: 0, count: max(1, length))
        blocks.append(block)
        return block
    }

    /// A zeroed struct of the contract with room for its owner behind it.
    func scope<Scope>(_ type: Scope.Type) -> UnsafeMutablePointer<Scope> {
        allocate(MemoryLayout<Scope>.stride + 8).bindMemory(to: type, capacity: 1)
    }

    func copy(_ text: String) -> gw_str { copy(Array(text.utf8)) }

    func copy(_ bytes: [UInt8]) -> gw_str {
        let block = allocate(bytes.count)
        block.copyMemory(from: bytes, byteCount: bytes.count)
        return gw_str(ptr: block.assumingMemoryBound(to: CChar.self), len: bytes.count)
    }

    static func setOwner<Scope>(of scope: UnsafeMutablePointer<Scope>, _ owner: AnyObject) {
        (UnsafeMutableRawPointer(scope) + MemoryLayout<Scope>.stride)
            .storeBytes(of: Unmanaged.passUnretained(owner).toOpaque(), as: UnsafeRawPointer.self)
    }

    static func owner<Scope, Owner: AnyObject>(
        of scope: UnsafePointer<Scope>, as type: Owner.Type
    ) -> Owner {
        let place = UnsafeRawPointer(scope) + MemoryLayout<Scope>.stride
        return Unmanaged<Owner>.fromOpaque(place.load(as: UnsafeRawPointer.self))
            .takeUnretainedValue()
    }
}
