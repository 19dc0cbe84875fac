// The one function that libMetrics.so exports.

import MetricsCore
import PluginABI
import PluginKit

@c @implementation
public func gw_plugin_entry_v1(_ host: UnsafePointer<gw_host>) -> UnsafePointer<gw_plugin>? {
    pluginTable(of: Metrics.self, host: host)
}
