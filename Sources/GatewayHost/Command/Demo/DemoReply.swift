// The reply of the demonstration: whole, or as the events of a stream.
//
// Kind: value. Pure.

struct DemoReply: Sendable {
    private let message: DemoMessage
    private let id: String
    /// One for each token, as far as tokens go here: a word with the blank behind it.
    private let pieces: [String]
    private let stopReason: JSONValue

    init(to message: DemoMessage, id: String) {
        self.message = message
        self.id = id
        var quoted = String(message.lastText.prefix(200))
        if quoted.count < message.lastText.count { quoted += "…" }
        let text =
            "Hello from the demonstration upstream of the gateway. No model was asked: this text is made by the program "
            + "itself, to show a request going through the chain of plugins and back. "
            + (quoted.isEmpty ? "" : "You wrote: \"\(quoted)\" ")
            + "Set ANTHROPIC_API_KEY to relay to the real API."
        let words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
        let all = words.enumerated().map { $0.offset == words.count - 1 ? $0.element : $0.element + " " }
        pieces = Array(all.prefix(message.maxTokens))
        stopReason = pieces.count < all.count ? "max_tokens" : "end_turn"
    }

    var whole: JSONValue {
        frame(
            content: [["type": "text", "text": .string(pieces.joined())]], stopReason: stopReason,
            outputTokens: pieces.count)
    }

    /// Each with its empty line.
    var events: [[UInt8]] {
        var events = [
            event("message_start", ["message": frame(content: [], stopReason: nil, outputTokens: 1)]),
            event("content_block_start", ["index": 0, "content_block": ["type": "text", "text": ""]]),
            event("ping", [:]),
        ]
        for piece in pieces {
            events.append(
                event("content_block_delta", ["index": 0, "delta": ["type": "text_delta", "text": .string(piece)]]))
        }
        return events + [
            event("content_block_stop", ["index": 0]),
            event(
                "message_delta",
                [
                    "delta": ["stop_reason": stopReason, "stop_sequence": nil],
                    "usage": ["output_tokens": .int(Int64(pieces.count))],
                ]),
            event("message_stop", [:]),
        ]
    }

    private func frame(content: JSONValue, stopReason: JSONValue, outputTokens: Int) -> JSONValue {
        [
            "id": .string(id), "type": "message", "role": "assistant", "model": .string(message.model),
            "content": content, "stop_reason": stopReason, "stop_sequence": nil,
            "usage": [
                "input_tokens": .int(Int64(message.inputTokens)), "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0, "output_tokens": .int(Int64(outputTokens)), "service_tier": "standard",
            ],
        ]
    }

    private func event(_ name: String, _ members: JSONObject) -> [UInt8] {
        var data: JSONObject = ["type": .string(name)]
        for member in members { data[member.name] = member.value }
        return Array("event: \(name)\ndata: ".utf8) + JSONValue.object(data).compact + [0x0a, 0x0a]
    }
}
