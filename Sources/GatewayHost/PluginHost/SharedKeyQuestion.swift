// The four questions of gw.kv/1 as commands to Redis, and what the answers mean.
//
// Kind: value. Pure.

import PluginABI

enum SharedKeyQuestion {
    case get, set, add, swap

    static func get(_ name: [UInt8]) -> RedisCommand {
        var command = RedisCommand("GET", count: 1)
        command.add(name)
        return command
    }

    /// An absent value removes.
    static func set(_ name: [UInt8], _ value: Bytes, _ milliseconds: UInt32) -> RedisCommand {
        guard !value.isAbsent else {
            var command = RedisCommand("DEL", count: 1)
            command.add(name)
            return command
        }
        var command = RedisCommand("SET", count: milliseconds == 0 ? 2 : 4)
        command.add(name)
        command.add(value)
        if milliseconds != 0 {
            command.add("PX")
            command.add(milliseconds)
        }
        return command
    }

    static func add(_ name: [UInt8], _ delta: Int64, _ milliseconds: UInt32) -> RedisScriptCall {
        var call = RedisScriptCall(SharedScripts.add, keys: 1, words: 2)
        call.add(name)
        call.add(delta)
        call.add(milliseconds)
        return call
    }

    static func swap(_ name: [UInt8], _ expected: Bytes, _ value: Bytes, _ milliseconds: UInt32) -> RedisScriptCall {
        var call = RedisScriptCall(SharedScripts.swap, keys: 1, words: 3)
        call.add(name)
        call.add(marked(expected))
        call.add(marked(value))
        call.add(milliseconds)
        return call
    }

    /// Tells absent from empty.
    private static func marked(_ value: Bytes) -> [UInt8] { value.isAbsent ? [0x2d] : [0x2b] + value.buffer }

    /// - Returns: the operation's result; the bytes are Redis's.
    func read(_ reply: RedisReply) -> (error: gw_error, number: Int64, bytes: Bytes) {
        if let error = reply.error { return (refused(error), 0, .absent) }
        switch self {
        case .get:
            if reply.isNothing { return (GW_E_ABSENT, 0, .absent) }
            return (GW_OK, Int64(reply.bytes.decimal ?? 0), reply.bytes)
        case .set: return (GW_OK, 0, .absent)
        case .add:
            guard let sum = Int64(reply.bytes.string) else { return (GW_E_ARGUMENT, 0, .absent) }
            return (GW_OK, sum, .absent)
        case .swap:
            return reply.integer(0) == 1 ? (GW_OK, 0, .absent) : (GW_E_CONFLICT, 0, reply[1]?.bytes ?? .absent)
        }
    }

    private func refused(_ error: Bytes) -> gw_error {
        let kind = RedisErrorText.kind(error.string)
        if kind == "OOM" { return GW_E_LIMIT }
        // "ERR value is not an integer or out of range", "ERR increment or decrement would overflow".
        return self == .add && kind == "ERR" ? GW_E_ARGUMENT : GW_E_UNAVAILABLE
    }
}
