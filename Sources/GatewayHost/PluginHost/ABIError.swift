// gw_error in words, for logs and refusals.
//
// Kind: value.

import PluginABI

extension gw_error {
    var sentence: String {
        switch self {
        case GW_OK: "no error"
        case GW_E_ARGUMENT: "malformed argument"
        case GW_E_STATE: "not allowed now"
        case GW_E_ABSENT: "no such thing"
        case GW_E_LIMIT: "a limit was reached"
        case GW_E_CONFLICT: "somebody was there first"
        case GW_E_TIMEOUT: "timed out"
        case GW_E_CANCELLED: "cancelled"
        case GW_E_UNAVAILABLE: "unavailable"
        case GW_E_FORBIDDEN: "not granted"
        case GW_E_INTERNAL: "internal error"
        default: "error \(rawValue)"
        }
    }
}
