// gw_host: query, log, log_enabled, clock, random, config, secret.
//
// Kind: free C functions, any thread, but for config and secret, which are [control].

import CLinux
import PluginABI

func hostQuery(_ instance: UnsafeMutablePointer<gw_instance>?, _ id: UnsafePointer<CChar>) -> gw_interface? {
    if let instance, PluginInstance.at(instance).isSharing {
        for (name, table) in HostInterfaces.shared where strcmp(id, name) == 0 { return table }
    }
    for (name, capability, table) in HostInterfaces.all where strcmp(id, name) == 0 {
        guard let capability else { return table }
        // Without an instance nothing is granted that can be refused.
        let granted = instance.map { PluginInstance.at($0).plan.capabilities.contains(capability) } ?? false
        return granted ? table : nil
    }
    return nil
}

func hostLog(
    _ instance: UnsafePointer<gw_instance>, _ request: UnsafePointer<gw_request>?, _ level: gw_level, _ text: gw_str
) {
    let owner = PluginInstance.at(UnsafeMutablePointer(mutating: instance))
    let message = Bytes(text).isAbsent ? Bytes("") : Bytes(text)
    if level == GW_LOG_ERROR { owner.remember(error: message.string) }
    let severity = LogLevel(severity: Int(level.rawValue))
    if let request {
        log.line(severity, message, .field("plugin", owner.name), .field("request", request.pointee.id))
    } else {
        log.line(severity, message, .field("plugin", owner.name))
    }
}

func hostLogEnabled(_ instance: UnsafePointer<gw_instance>, _ level: gw_level) -> Int32 {
    log.isEnabled(LogLevel(severity: Int(level.rawValue))) ? 1 : 0
}

func hostClock(_ which: gw_clock) -> UInt64 {
    which == GW_CLOCK_WALL ? gwl_wall_ns() : gwl_monotonic_ns()
}

func hostRandom(_ buffer: UnsafeMutableRawPointer, _ length: Int) {
    RandomBytes.fill(UnsafeMutableRawBufferPointer(start: buffer, count: length))
}

func hostConfig(
    _ instance: UnsafeMutablePointer<gw_instance>, _ pointer: gw_str, _ out: UnsafeMutablePointer<gw_value>
) -> gw_error {
    let pointer = Bytes(pointer)
    guard pointer.count == 0 || pointer[0] == 0x2f else { return GW_E_ARGUMENT }
    guard let value = PluginInstance.at(instance).configuration.value(at: pointer) else { return GW_E_ABSENT }
    out.pointee = value
    return GW_OK
}

func hostSecret(_ instance: UnsafeMutablePointer<gw_instance>, _ name: gw_str) -> gw_str {
    PluginInstance.at(instance).secret(Bytes(name).string).abi
}
