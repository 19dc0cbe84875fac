// The one function that libAccountPicker.so exports.

import AccountPickerCore
import PluginABI
import PluginKit

@c @implementation
public func gw_plugin_entry_v1(_ host: UnsafePointer<gw_host>) -> UnsafePointer<gw_plugin>? {
    pluginTable(of: AccountPicker.self, host: host)
}
