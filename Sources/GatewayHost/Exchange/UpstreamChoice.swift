// Where the next attempt goes, as the host's defaults and the plugins' upstream_set left it.
//
// Kind: value; the views live in the exchange's arena or in configuration memory.

import PluginABI

struct UpstreamChoice {
    /// scheme://host[:port][/prefix]
    var url: Bytes
    /// socks5h://…, http://…; absent means direct.
    var proxy = Bytes.absent
    /// Stable label of the credentials in use; absent for none.
    var account = Bytes.absent
    /// Milliseconds; 0 means the configured default.
    var connectMilliseconds: UInt32 = 0
    var firstByteMilliseconds: UInt32 = 0
    var idleMilliseconds: UInt32 = 0
}
