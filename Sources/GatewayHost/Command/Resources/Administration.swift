// The gateway's own admin interface as commands use it, and the error messages of everything that goes through it.
//
// Kind: belongs to the main thread.

/// The interface of one configuration, open until `end`.
final class Administration {
    let resources: [ResourceDeclaration]
    let client: AdministrationClient
    /// The data folder, from which a gateway may serve meanwhile; nil: none can.
    private let folder: String?
    private let close: () -> Void

    init(
        resources: [ResourceDeclaration], client: AdministrationClient, folder: String? = nil, close: @escaping () -> Void
    ) {
        self.resources = resources
        self.client = client
        self.folder = folder
        self.close = close
    }

    /// After a change: returns when a gateway that serves from the same store has looked at it again, so that its next request
    /// uses what the command says is done.
    func settle() {
        guard let folder, RunningGateway(in: folder) != nil else { return }
        Patience.pause(.milliseconds(StorageThread.pollMilliseconds + 100))
    }

    /// The gateway that serves from the same data folder, through its socket there: for what only its memory has.
    /// - Throws: a sentence when none serves, or it cannot be reached.
    func serving() throws(AdministrationFault) -> AdministrationClient {
        guard let folder, RunningGateway(in: folder) != nil else { throw AdministrationFault.nobodyServes(folder) }
        do throws(SystemError) {
            return AdministrationClient(try FolderSocket.connect(DataFolder.socketName, in: folder))
        } catch {
            throw AdministrationFault("the gateway that serves from \(folder) cannot be reached: \(error)")
        }
    }

    var finder: RecordFinder { RecordFinder(client: client, resources: resources) }

    func resource(_ name: String) -> ResourceDeclaration? { resources.first { $0.name == name } }

    func end() { close() }
}

extension Invocation {
    /// Opens the interface, or goes on with the one that was opened to find the verb.
    func withAdministration(_ body: (Administration) -> ExitCode) -> ExitCode {
        if let administration = administration?.value { return body(administration) }
        guard let config = loadSharedConfig() else { return .invalid }
        return withAdministration(of: config, body)
    }

    func withAdministration(of config: GatewayConfig, _ body: (Administration) -> ExitCode) -> ExitCode {
        do {
            let administration = try services.openQuietly(config)
            defer { administration.end() }
            return body(administration)
        } catch let faults as ConfigFaults {
            report(faults.faults)
            return .invalid
        } catch {
            return fail("\(error)")
        }
    }

    func fail(_ fault: RecordFinder.Fault) -> ExitCode {
        switch fault {
        case .absent(let sentence): fail(sentence, .absent)
        case .ambiguous(let sentence): fail(sentence, .usage)
        case .failed(let answer): fail(answer)
        case .broken(let fault): fail("\(fault)")
        }
    }

    /// Prints a refusal, naming flags.
    func fail(_ answer: AdministrationAnswer, _ flags: FieldFlags = FieldFlags([])) -> ExitCode {
        let problem = ProblemText(answer: answer, flags: flags)
        problem.lines.forEach(terminal.problem)
        return problem.code
    }
}

extension CommandServices {
    /// Opens the interface with a log that speaks of errors only.
    func openQuietly(_ config: GatewayConfig) throws -> Administration {
        var quiet = LogConfig()
        quiet.level = .error
        // Standard error needs no opening that could fail.
        try? log.configure(quiet)
        return try administration(config)
    }
}

/// Hands the main thread's administration to a verb's function, which could in principle run elsewhere and does not.
struct MainThreadOnly<Value>: @unchecked Sendable {
    let value: Value
}
