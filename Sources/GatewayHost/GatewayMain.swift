// Where the process begins: the verb decides what it becomes.

/// Runs the command line and returns the exit code.
public func gatewayMain() -> Int32 {
    let arguments = CommandLine.arguments
    guard arguments.count == 4, arguments[1] == "serve", arguments[2] == "--config" else {
        log.error("usage: gateway serve --config FILE")
        return 2
    }
    do {
        let config = try ConfigLoader.load(arguments[3])
        try log.configure(config.log)
        return try Gateway.run(config)
    } catch {
        log.error("cannot serve", .field("reason", "\(error)"))
        log.flush()
        return 1
    }
}
