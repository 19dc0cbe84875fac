// What Redis answered, as a view of hiredis' memory: good for the length of the call that hands it out.
//
// Kind: value that owns nothing.

import CHiredis

struct RedisReply {
    private let reply: UnsafePointer<redisReply>

    init(_ reply: UnsafePointer<redisReply>) { self.reply = reply }

    /// The command was refused; Redis's own words, which begin with one in capitals.
    var error: Bytes? { reply.pointee.type == REDIS_REPLY_ERROR ? text : nil }

    var isNothing: Bool { reply.pointee.type == REDIS_REPLY_NIL }

    /// Text or status; absent if it is anything else.
    var bytes: Bytes {
        reply.pointee.type == REDIS_REPLY_STRING || reply.pointee.type == REDIS_REPLY_STATUS ? text : .absent
    }

    var integer: Int64? { reply.pointee.type == REDIS_REPLY_INTEGER ? Int64(reply.pointee.integer) : nil }

    /// Elements of a list; 0 if it is none.
    var count: Int { reply.pointee.type == REDIS_REPLY_ARRAY ? Int(reply.pointee.elements) : 0 }

    subscript(index: Int) -> RedisReply? {
        guard index >= 0, index < count, let element = reply.pointee.element?[index] else { return nil }
        return RedisReply(element)
    }

    func integer(_ index: Int) -> Int64 { self[index]?.integer ?? 0 }

    private var text: Bytes {
        // An empty one is there all the same.
        guard let start = reply.pointee.str else { return Bytes("") }
        return Bytes(UnsafeRawBufferPointer(start: start, count: Int(reply.pointee.len)))
    }
}
