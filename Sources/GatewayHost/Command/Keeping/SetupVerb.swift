// `gateway setup`: everything that a gateway needs before its first start, each part only if it is missing.
//
//   configuration ─► master key ─► admin user ─► first key
//
// What is made and cannot be read again (password, key) is printed once, at the end. Run again, it makes what is missing and leaves
// the rest.
//
// Kind: the main thread's.

import CLinux

extension Verb {
    static let setup = Verb(
        name: "setup", section: .serving, summary: "Makes what a gateway needs before its first start, and leaves what is there.",
        details: """
            A configuration, a master key (master.key in the data folder, unless ENCRYPTION_KEY is set), an admin user with a random
            password and a first client key. Password and key are printed once. Where ANTHROPIC_API_KEY is set (in the environment or in
            .env), the configuration uses it as the first account; otherwise "gateway accounts create" makes one. Run it as the user that the
            gateway will run as.
            """,
        flags: [
            .config, Flag(name: "admin", value: "NAME", help: "what the admin user is called; admin unless given"), .json,
        ]
    ) { invocation in
        var setup = Setup(invocation)
        return setup.run()
    }
}

struct Setup {
    private let invocation: Invocation
    private var steps: [(part: String, isNew: Bool, detail: String)] = []
    /// Shown once.
    private var secrets: [(name: String, value: String)] = []
    private var report: JSONObject = [:]
    private var needsAccount = false

    init(_ invocation: Invocation) { self.invocation = invocation }

    mutating func run() -> ExitCode {
        let path = invocation.configPath
        let wasThere = access(path, F_OK) == 0
        if !wasThere {
            let environment = try? Environment.current()
            let hasAccount = environment?[Demonstration.credential].map { !$0.isEmpty } ?? false
            if let reason = FirstConfig.write(path, key: nil, hasAccount: hasAccount) {
                return invocation.fail("\(path) cannot be written: \(reason)")
            }
        }
        note("configuration", isNew: !wasThere, path, ["file": .string(path)])
        guard let config = invocation.loadSharedConfig() else { return .invalid }
        do {
            try DataFolder.make(config.data)
            let value = try Environment.current()[MasterKeyFile.variable].map { Secret($0) }
            // Before the store is, so that a key is never made for a store that another one sealed.
            let there = try StorePlace(config).exists()
            if there {
                note("master key", isNew: false, MasterKeyFile.path(in: config.data), [:])
            } else {
                let (key, isNew) = try MasterKeyFile.findOrMake(folder: config.data, variable: value)
                note("master key", isNew: isNew, key.source, ["id": .string(key.id)])
            }
        } catch {
            return invocation.fail("\(error)")
        }
        let outcome = invocation.withAdministration(of: config) { records($0) }
        if outcome == .done || !secrets.isEmpty { tell(config) }
        return outcome
    }

    private mutating func note(_ part: String, isNew: Bool, _ detail: String, _ members: JSONObject) {
        steps.append((part, isNew, detail))
        var object = members
        object["made"] = .bool(isNew)
        report[part.replacing(" ", with: "_")] = .object(object)
    }

    /// The user and the key.
    private mutating func records(_ administration: Administration) -> ExitCode {
        do {
            if administration.resource("users") != nil {
                let name = invocation["admin"] ?? "admin"
                if let known = try administration.first(of: "users") {
                    note("admin user", isNew: false, known["name"]?.string ?? "", [:])
                } else {
                    let password = Setup.password()
                    try administration.make("users", ["name": .string(name), "role": "admin", "password": .string(password)])
                    note("admin user", isNew: true, name, ["name": .string(name), "password": .string(password)])
                    secrets.append(("password of \(name)", password))
                }
            }
            if administration.resource("keys") != nil {
                if let known = try administration.first(of: "keys") {
                    note("client key", isNew: false, known["name"]?.string ?? "", [:])
                } else {
                    let made = try administration.make("keys", ["name": "first"])
                    let key = made["revealed"]?["key"]?.string ?? ""
                    note("client key", isNew: true, "first", ["name": "first", "key": .string(key)])
                    secrets.append(("client key", key))
                }
            }
            if administration.resource("accounts") != nil { needsAccount = try administration.first(of: "accounts") == nil }
            return .done
        } catch let refusal as SetupRefusal {
            return invocation.fail(refusal.answer)
        } catch {
            return invocation.fail("\(error)")
        }
    }

    private func tell(_ config: GatewayConfig) {
        if invocation.wantsJSON {
            var report = report
            report["needs_account"] = .bool(needsAccount)
            return invocation.printJSON(.object(report))
        }
        let paint = invocation.paint
        let out = invocation.terminal.out
        let width = steps.map(\.part.count).max() ?? 0
        for step in steps {
            let word = step.isNew ? paint(.good, "made  ") : paint(.dim, "there ")
            out("\(word) \(step.part)\(String(repeating: " ", count: width - step.part.count + 2))\(DisplayWidth.printable(step.detail))")
        }
        if !secrets.isEmpty {
            let width = secrets.map(\.name.count).max() ?? 0
            out("")
            for secret in secrets {
                out("  \(secret.name)\(String(repeating: " ", count: width - secret.name.count + 2))" + paint(.bold, secret.value))
            }
            out("")
            out(paint(.warning, "  Shown once. Keep them now: nobody can read them again."))
        }
        if steps.contains(where: { $0.part == "master key" && $0.isNew }) {
            out(
                "  Keep a copy of \(MasterKeyFile.path(in: config.data)) apart from backups: without it no secret of the store can be read."
            )
        }
        let file = config.file == Invocation.usualConfig ? "" : " --config \(config.file)"
        out("")
        if needsAccount { out("Next: gateway accounts create --name main --api-key -\(file)     # reads the key from standard input") }
        out("\(needsAccount ? "Then" : "Next"): gateway start\(file)")
    }

    /// 120 random bits, without letters that are mistaken for one another.
    static func password() -> String {
        let alphabet = Array("abcdefghijkmnpqrstuvwxyz23456789")
        var random = [UInt8](repeating: 0, count: 24)
        random.withUnsafeMutableBytes { RandomBytes.fill($0) }
        let letters = random.map { alphabet[Int($0 & 31)] }
        return stride(from: 0, to: 24, by: 6).map { String(letters[$0..<$0 + 6]) }.joined(separator: "-")
    }
}

private struct SetupRefusal: Error {
    let answer: AdministrationAnswer
}

extension Administration {
    /// Some record of the resource; nil: there is none.
    fileprivate func first(of name: String) throws -> JSONValue? {
        let answer = try client.call("GET", "/admin/v1/\(name)?limit=1")
        guard answer.isDone else { throw SetupRefusal(answer: answer) }
        return answer.body?["data"]?[0]
    }

    @discardableResult
    fileprivate func make(_ name: String, _ document: JSONObject) throws -> JSONValue {
        let answer = try client.call("POST", "/admin/v1/\(name)", body: .object(document))
        guard answer.isDone, let body = answer.body else { throw SetupRefusal(answer: answer) }
        return body
    }
}
