// The one function that libRateLimit.so exports.

import PluginABI
import PluginKit
import RateLimitCore

@c @implementation
public func gw_plugin_entry_v1(_ host: UnsafePointer<gw_host>) -> UnsafePointer<gw_plugin>? {
    pluginTable(of: RateLimit.self, host: host)
}
