// The one function that libSOCKSProxy.so exports.

import PluginABI
import PluginKit
import SOCKSProxyCore

@c @implementation
public func gw_plugin_entry_v1(_ host: UnsafePointer<gw_host>) -> UnsafePointer<gw_plugin>? {
    pluginTable(of: SOCKSProxy.self, host: host)
}
