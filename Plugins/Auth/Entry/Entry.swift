// The one function that libAuth.so exports.

import AuthCore
import PluginABI
import PluginKit

@c @implementation
public func gw_plugin_entry_v1(_ host: UnsafePointer<gw_host>) -> UnsafePointer<gw_plugin>? {
    pluginTable(of: Auth.self, host: host)
}
