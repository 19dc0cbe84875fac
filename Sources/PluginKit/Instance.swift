// The two outer scopes of a plugin: its entry in the chain, and one event loop of it.
//
// `Instance` is where a plugin reads its configuration and asks for services, once, in its
// initialiser; hooks use what it found. A service that the host does not have, or that the
// operator did not grant, is an error in words.
//
// Kind: values over the host's structs; `Instance` is [control], `WorkerScope` [worker].

public struct Instance {
    public let raw: UnsafeMutablePointer<gw_instance>
    let host: UnsafePointer<gw_host>

    /// Unique in the chain, and the same across generations.
    public var name: String { Bytes(raw.pointee.name).string }
    /// How many event loops there will be.
    public var workers: Int { Int(raw.pointee.workers) }

    /// The configuration, which the host has validated against the schema.
    public func settings() throws -> Settings {
        let text = Bytes(raw.pointee.config)
        guard text.count > 0 else { return Settings(.map([])) }
        return Settings(try JSON(parsing: text))
    }

    /// Interns an attribute name; GW_ATTR_... has the well-known ones.
    public func attribute(_ name: String) -> Attribute { Attribute(id: host.pointee.attr(name)) }

    /// Fills `buffer` from the host's source of randomness.
    public func random(_ buffer: UnsafeMutableRawBufferPointer) {
        guard let base = buffer.baseAddress else { return }
        host.pointee.random(base, buffer.count)
    }

    /// Nanoseconds: GW_CLOCK_MONOTONIC for distances, GW_CLOCK_WALL since 1970. A test host moves
    /// both.
    public func clock(_ which: gw_clock) -> UInt64 { host.pointee.clock(which) }

    public func log(_ level: gw_level, _ text: @autoclosure () -> String) {
        guard host.pointee.log_enabled(raw, level) != 0 else { return }
        text().withBytes { host.pointee.log(raw, nil, level, $0.abi) }
    }

    /// An interface of the host, by id.
    func query<Table>(_ id: String, as type: Table.Type) throws -> UnsafePointer<Table> {
        guard let table = host.pointee.query(raw, id) else {
            throw PluginError(
                "the host offers no \(id) to '\(name)': it is older than this plugin, or the "
                    + "operator did not grant it")
        }
        return table.assumingMemoryBound(to: type)
    }
}

public struct WorkerScope {
    public let raw: UnsafeMutablePointer<gw_worker>
    let host: UnsafePointer<gw_host>
    /// What is watched for it; goes over to its box.
    let watchers = RecordWatchers()

    /// 0 up to the number of workers.
    public var index: Int { Int(raw.pointee.index) }

    /// False in the process of an operator's command, which ends with its answer: begin no work of your own there.
    public var servesClients: Bool {
        // An older host's struct is shorter.
        guard Int(raw.pointee.size) >= MemoryLayout<gw_worker>.size else { return true }
        return raw.pointee.flags & GW_WORKER_ADMINISTRATION == 0
    }

    /// Owns operations that belong to no exchange: timers, refreshes.
    public var background: Request { Request(raw: raw.pointee.background, host: host) }

    /// Fills `buffer` from the host's source of randomness.
    public func random(_ buffer: UnsafeMutableRawBufferPointer) {
        guard let base = buffer.baseAddress else { return }
        host.pointee.random(base, buffer.count)
    }
}
