// The stations of an exchange at which plugins are called, in the order of the road.
//
// Kind: value.

import PluginABI

enum Phase: UInt8, CaseIterable, Sendable {
    case request, body, select, attempt, response, chunk, complete, admin

    /// Response hooks run from the inside out.
    var runsInReverse: Bool {
        switch self {
        case .attempt, .response, .chunk, .complete: true
        case .request, .body, .select, .admin: false
        }
    }

    /// The bit of `unsubscribe` that switches the hook off; 0 if there is none.
    var subscription: UInt32 {
        switch self {
        case .body: UInt32(GW_ON_BODY)
        case .select: UInt32(GW_ON_SELECT)
        case .attempt: UInt32(GW_ON_ATTEMPT)
        case .response: UInt32(GW_ON_RESPONSE)
        case .chunk: UInt32(GW_ON_CHUNK)
        case .request, .complete, .admin: 0
        }
    }

    /// The hook's name in the contract, for logs and metrics.
    var hookName: StaticString {
        switch self {
        case .request: "on_request"
        case .body: "on_body"
        case .select: "on_select"
        case .attempt: "on_attempt"
        case .response: "on_response"
        case .chunk: "on_chunk"
        case .complete: "on_complete"
        case .admin: "on_admin"
        }
    }
}
