// async-greeter: waits for Swift concurrency before a request goes on.
//
// Every request is entered into a guest book, which is an actor and therefore lives on Swift's own
// threads. The hook suspends the request, the actor answers, `signal` wakes the worker up, and the
// response carries `x-greeting: visit 7`. Nothing here is ours but the header of the contract.
//
// What crosses threads is an operation number and an object of this file. The request itself cannot:
// the compiler refuses a task that captures `rq`, which is the contract's rule.

import CGateway

/// Counts visits. The work that a real plugin would await belongs here.
actor GuestBook {
    private var visits = 0

    func enter() -> Int {
        visits += 1
        return visits
    }
}

/// What the task leaves for the callback. Written before `signal`, read after it, so the two never meet.
final class Answer: @unchecked Sendable {
    var visit = 0
}

// Both are written once, at entry and at create, on the control thread, before any worker exists.
nonisolated(unsafe) private var host: UnsafePointer<gw_host>! = nil
nonisolated(unsafe) private var greeting: gw_attr = 0
private let book = GuestBook()

private func create(_ instance: UnsafeMutablePointer<gw_instance>) -> gw_error {
    greeting = host.pointee.attr("com.example.greeting")
    return GW_OK
}

private func onRequest(_ rq: UnsafeMutablePointer<gw_request>) -> gw_verdict {
    let answer = Answer()
    let user = Unmanaged.passRetained(answer)
    // `answered` is called exactly once, also if the client leaves first, so `user` is always released.
    let operation = host.pointee.expect(rq, answered, user.toOpaque())
    guard operation != 0 else {
        user.release()
        return GW_FAIL
    }
    Task.detached {
        answer.visit = await book.enter()
        _ = host.pointee.signal(operation)  // harmless if the request is over
    }
    return GW_SUSPEND
}

/// Back on the worker's thread; what it returns becomes the verdict of `onRequest`.
private func answered(
    _ rq: UnsafeMutablePointer<gw_request>, _ user: UnsafeMutableRawPointer?,
    _ result: UnsafePointer<gw_result>
) -> gw_verdict {
    guard let user else { return GW_FAIL }
    let answer = Unmanaged<Answer>.fromOpaque(user).takeRetainedValue()
    guard result.pointee.error == GW_OK else { return GW_FAIL }
    var value = gw_value()
    value.type = GW_INT
    value.i = Int64(answer.visit)
    return host.pointee.attr_set(rq, greeting, &value) == GW_OK ? GW_CONTINUE : GW_FAIL
}

private func onResponse(_ rq: UnsafeMutablePointer<gw_request>) -> gw_verdict {
    var value = gw_value()
    guard host.pointee.attr_get(rq, greeting, &value) == GW_OK else { return GW_CONTINUE }
    var text = "visit \(value.i)"
    let error = text.withUTF8 { view in
        host.pointee.header_set(
            rq, GW_RESPONSE, string("x-greeting"),
            gw_str(
                ptr: UnsafeRawPointer(view.baseAddress!).assumingMemoryBound(to: CChar.self), len: view.count))
    }
    return error == GW_OK ? GW_CONTINUE : GW_FAIL
}

/// A literal as the contract's view of bytes.
private func string(_ literal: StaticString) -> gw_str {
    gw_str(ptr: cString(literal), len: literal.utf8CodeUnitCount)
}

/// A literal is NUL-terminated and lives as long as the module.
private func cString(_ literal: StaticString) -> UnsafePointer<CChar> {
    UnsafeRawPointer(literal.utf8Start).assumingMemoryBound(to: CChar.self)
}

nonisolated(unsafe) private let table: UnsafePointer<gw_plugin> = {
    let table = UnsafeMutablePointer<gw_plugin>.allocate(capacity: 1)
    UnsafeMutableRawPointer(table)
        .initializeMemory(as: UInt8.self, repeating: 0, count: MemoryLayout<gw_plugin>.size)
    table.pointee.magic = GW_MAGIC
    table.pointee.size = UInt32(MemoryLayout<gw_plugin>.size)
    table.pointee.abi_minor = GW_ABI_MINOR
    table.pointee.id = cString("com.example.async-greeter")
    table.pointee.version = cString("1.0.0")
    table.pointee.summary = cString("Counts visits in a Swift actor and tells the client")
    table.pointee.create = create
    table.pointee.on_request = onRequest
    table.pointee.on_response = onResponse
    return UnsafePointer(table)
}()

@c @implementation
public func gw_plugin_entry_v1(_ h: UnsafePointer<gw_host>) -> UnsafePointer<gw_plugin>? {
    host = h
    return table
}
