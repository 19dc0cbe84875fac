// Makes the C table of a Swift plugin: which hooks it has, and its life from create to destroy.
//
// A hook whose protocol the worker type does not conform to stays NULL, so the host never calls
// it. C functions cannot be generic, so the ones in here are ordinary functions; `create` learns
// which plugin it makes from `module`, since a shared object holds exactly one, and everything else
// finds its object through `user` (Trampolines.swift).
//
// Kind: the table is immutable and lives in: module. `module` is [control] only.

import Glibc

/// What this image holds: written by `pluginTable`, read by `create`, both [control]. A test that
/// links several plugins makes the table anew before each `create`, under a lock of its own.
nonisolated(unsafe) private var module:
    (host: UnsafePointer<gw_host>, make: (Instance) throws -> InstanceBox, admin: UnsafePointer<gw_admin>?)?

/// The table for `gw_plugin_entry_v1` to return.
/// - Thread: [control], once per module.
public func pluginTable<P: Plugin>(
    of type: P.Type, host: UnsafePointer<gw_host>
) -> UnsafePointer<gw_plugin> {
    let admin = P.about.resources.map { makeAdminInterface($0) }
    module = (host, { instance in InstanceBox(try P(instance), host: host) }, admin)

    let table = UnsafeMutablePointer<gw_plugin>.allocate(capacity: 1)
    // Its members are not optional in Swift, so a zeroed gw_plugin has no initialiser.
    UnsafeMutableRawPointer(table)
        .initializeMemory(as: UInt8.self, repeating: 0, count: MemoryLayout<gw_plugin>.size)
    describe(P.about, in: table)
    table.pointee.create = createInstance
    table.pointee.destroy = destroyInstance
    table.pointee.worker_start = startWorker
    table.pointee.worker_stop = stopWorker

    let worker = P.Worker.self
    if worker is any RequestHook.Type { table.pointee.on_request = routeRequest }
    if worker is any BodyHook.Type { table.pointee.on_body = routeBody }
    if worker is any SelectHook.Type { table.pointee.on_select = routeSelect }
    if worker is any AttemptHook.Type { table.pointee.on_attempt = routeAttempt }
    if worker is any ResponseHook.Type { table.pointee.on_response = routeResponse }
    if worker is any ChunkHook.Type { table.pointee.on_chunk = routeChunk }
    if worker is any CompleteHook.Type { table.pointee.on_complete = routeComplete }
    if worker is any AdminHook.Type { table.pointee.on_admin = routeAdmin }
    switch (type is any StateHandover.Type, admin != nil) {
    case (true, false): table.pointee.query = queryState
    case (false, true): table.pointee.query = queryAdmin
    case (true, true): table.pointee.query = { queryAdmin($0) ?? queryState($0) }
    case (false, false): break
    }
    return UnsafePointer(table)
}

private func describe(_ about: PluginDescription, in table: UnsafeMutablePointer<gw_plugin>) {
    table.pointee.magic = GW_MAGIC
    table.pointee.size = UInt32(MemoryLayout<gw_plugin>.size)
    table.pointee.abi_minor = GW_ABI_MINOR
    table.pointee.flags = (about.failClosed ? GW_PLUGIN_FAIL_CLOSED : 0) | (about.keepsState ? GW_PLUGIN_KEEPS_STATE : 0)
    table.pointee.id = cString(about.id)
    table.pointee.version = cString(about.version)
    table.pointee.summary = cString(about.summary)
    table.pointee.config_schema = about.schema.map { UnsafePointer(strdup($0)) }
    table.pointee.admin_mount = about.adminMount.map(cString)
}

/// A StaticString is NUL-terminated and lives as long as the image.
private func cString(_ text: StaticString) -> UnsafePointer<CChar> {
    UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}

// MARK: Life

private func createInstance(_ raw: UnsafeMutablePointer<gw_instance>) -> gw_error {
    guard let module else { return GW_E_STATE }
    let instance = Instance(raw: raw, host: module.host)
    do {
        let box = try module.make(instance)
        raw.pointee.user = Unmanaged.passRetained(box).toOpaque()
        return GW_OK
    } catch {
        instance.log(GW_LOG_ERROR, "\(error)")
        return GW_E_ARGUMENT
    }
}

private func destroyInstance(_ raw: UnsafeMutablePointer<gw_instance>) {
    guard let user = raw.pointee.user else { return }
    raw.pointee.user = nil
    Unmanaged<InstanceBox>.fromOpaque(user).release()
}

private func startWorker(_ raw: UnsafeMutablePointer<gw_worker>) -> gw_error {
    guard let user = raw.pointee.instance.pointee.user else { return GW_E_STATE }
    let instance = Unmanaged<InstanceBox>.fromOpaque(user).takeUnretainedValue()
    let scope = WorkerScope(raw: raw, host: instance.host)
    do {
        let worker = try instance.makeWorker(scope)
        let box = WorkerBox(worker, host: instance.host)
        box.watchers = scope.watchers
        raw.pointee.user = Unmanaged.passRetained(box).toOpaque()
        return GW_OK
    } catch {
        scope.watchers.all = []
        Instance(raw: raw.pointee.instance, host: instance.host).log(GW_LOG_ERROR, "\(error)")
        return GW_E_INTERNAL
    }
}

private func stopWorker(_ raw: UnsafeMutablePointer<gw_worker>) {
    guard let user = raw.pointee.user else { return }
    raw.pointee.user = nil
    let box = Unmanaged<WorkerBox>.fromOpaque(user).takeRetainedValue()
    // Closures that watch records may hold the scope, and so what holds them: nobody would ever let go of either.
    box.watchers?.all = []
}

// MARK: State handover

/// Lives in: module.
nonisolated(unsafe) private let stateInterface: UnsafePointer<gw_state> = {
    let table = UnsafeMutablePointer<gw_state>.allocate(capacity: 1)
    table.initialize(
        to: gw_state(
            size: UInt32(MemoryLayout<gw_state>.size), reserved: 0, save: saveState,
            load: loadState))
    return UnsafePointer(table)
}()

private func queryState(_ id: UnsafePointer<CChar>) -> UnsafeRawPointer? {
    strcmp(id, GW_STATE) == 0 ? UnsafeRawPointer(stateInterface) : nil
}

/// The host asks when it loads the plugin.
private func queryAdmin(_ id: UnsafePointer<CChar>) -> UnsafeRawPointer? {
    strcmp(id, GW_ADMIN) == 0 ? module?.admin.map { UnsafeRawPointer($0) } : nil
}

private func handover(_ raw: UnsafeMutablePointer<gw_instance>) -> (any StateHandover)? {
    raw.pointee.user.flatMap {
        Unmanaged<InstanceBox>.fromOpaque($0).takeUnretainedValue().plugin as? any StateHandover
    }
}

private func saveState(
    _ raw: UnsafeMutablePointer<gw_instance>, _ write: WriteFunction,
    _ context: UnsafeMutableRawPointer?
) -> gw_error {
    guard let plugin = handover(raw) else { return GW_E_STATE }
    let state = plugin.saveState()
    state.withUnsafeBufferPointer { write(context, Bytes($0).abi) }
    return GW_OK
}

private func loadState(_ raw: UnsafeMutablePointer<gw_instance>, _ bytes: gw_str) -> gw_error {
    guard let user = raw.pointee.user, let plugin = handover(raw) else { return GW_E_STATE }
    do {
        try plugin.loadState(Bytes(bytes))
        return GW_OK
    } catch {
        let host = Unmanaged<InstanceBox>.fromOpaque(user).takeUnretainedValue().host
        Instance(raw: raw, host: host).log(GW_LOG_WARN, "state of the old generation lost: \(error)")
        return GW_E_ARGUMENT
    }
}

typealias WriteFunction = @convention(c) (UnsafeMutableRawPointer?, gw_str) -> Void
