// What Redis answered, copied out of hiredis.
//
// Kind: value.

import CHiredis

enum RedisValue: Sendable, Equatable {
    case nothing
    case text([UInt8])
    case int(Int64)
    case array([RedisValue])
    /// The command was refused; Redis's own words, which begin with a word in capitals.
    case error(String)

    init(_ reply: UnsafePointer<redisReply>) {
        switch reply.pointee.type {
        case REDIS_REPLY_INTEGER: self = .int(Int64(reply.pointee.integer))
        case REDIS_REPLY_STRING, REDIS_REPLY_STATUS: self = .text(Self.bytes(reply))
        case REDIS_REPLY_ERROR: self = .error(String(decoding: Self.bytes(reply), as: UTF8.self))
        case REDIS_REPLY_ARRAY:
            self = .array(
                (0..<Int(reply.pointee.elements)).map { index in
                    reply.pointee.element?[index].map { RedisValue($0) } ?? .nothing
                })
        default: self = .nothing
        }
    }

    private static func bytes(_ reply: UnsafePointer<redisReply>) -> [UInt8] {
        [UInt8](UnsafeRawBufferPointer(start: reply.pointee.str, count: Int(reply.pointee.len)))
    }

    var bytes: [UInt8]? {
        if case .text(let bytes) = self { bytes } else { nil }
    }
    var string: String? { bytes.map { String(decoding: $0, as: UTF8.self) } }
    var array: [RedisValue]? {
        if case .array(let values) = self { values } else { nil }
    }
    /// A number, also where Redis says it as text.
    var number: Int64? {
        switch self {
        case .int(let number): number
        case .text: string.flatMap { Int64($0) }
        default: nil
        }
    }
    var error: String? {
        if case .error(let words) = self { words } else { nil }
    }
}
