// People who log in to the admin interface.
//
// The field `password` holds the scrypt text of the password, sealed like every secret: whoever sets it sends
// the password, and what is stored is never that. A login that began before `sessions_since` is over, which is
// how a new password, or the action `logout`, ends all of a user's sessions at once.
//
// Kind: loop-confined; free of state.

final class AdminUsers: HostResource {
    static let name = "users"
    static let passwordLimit = 256

    static let declaration = AdminUsers.read(
        """
        {"resources": [{
          "name": "users", "singular": "user", "title": "Admin users",
          "description": "People who may log in to the admin interface.",
          "id_prefix": "usr", "label": "/name", "columns": ["/name", "/role", "/enabled"], "unique": ["/name"],
          "schema": {
            "type": "object", "additionalProperties": false, "required": ["name"],
            "properties": {
              "name": {"type": "string", "title": "Name", "minLength": 1, "maxLength": 64, "pattern": "^[a-z0-9._@-]+$",
                "description": "What the user logs in with: small letters, digits and . _ @ -"},
              "role": {"type": "string", "title": "Role", "enum": ["viewer", "operator", "admin"], "default": "viewer",
                "description": "viewer sees everything but secrets; operator also changes records and performs actions; admin also manages users, tokens and the gateway."},
              "enabled": {"type": "boolean", "title": "Enabled", "default": true,
                "description": "false lets the user in no more, also with sessions that are open."},
              "password": {"type": "string", "writeOnly": true, "title": "Password", "minLength": 12, "maxLength": 256,
                "description": "Without one the user cannot log in. A new one ends all sessions of the user."},
              "sessions_since": {"type": "integer", "readOnly": true, "title": "Sessions since", "x-unit": "ms",
                "description": "Logins from before this time, in milliseconds since 1970, are over."},
              "notes": {"type": "string", "title": "Notes", "maxLength": 1000}
            }
          },
          "actions": [{"name": "logout", "title": "Log out everywhere", "role": "admin",
            "description": "Ends every session of the user."}]
        }]}
        """)

    static func read(_ text: String) -> ResourceDeclaration {
        do {
            return try ResourceDeclaration.read(text, isHosts: true)[0]
        } catch {
            preconditionFailure("a declaration of the host is wrong: \(error)")
        }
    }

    var declarations: [ResourceDeclaration] { [AdminUsers.declaration] }
    func fixedRecords(of resource: String) -> [JSONObject] { [] }

    func check(_ change: ResourceChange) -> ResourceVerdict {
        var verdict = ResourceVerdict()
        if let name = change.after?["name"]?.string, !AdminUsers.isName(name) {
            verdict.faults.append(.init(pointer: "/name", sentence: "may have small letters, digits and . _ @ - only"))
        }
        return verdict
    }

    static func isName(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy {
                (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || [0x2e, 0x5f, 0x40, 0x2d].contains($0)
            }
    }

    func settle(
        _ change: ResourceChange, _ desk: AdminDesk, _ loop: EventLoop,
        _ done: @escaping (Result<ResourceVerdict, ProblemDocument>) -> Void
    ) {
        guard var document = change.after, document["password"] != change.before?["password"] else {
            return done(.success(ResourceVerdict()))
        }
        document["sessions_since"] = .int(Int64(loop.wallNanoseconds / 1_000_000))
        guard let password = document["password"]?.string else {
            return done(.success(ResourceVerdict(document: document)))
        }
        let stored = document
        let reply = LoopReply<String>(loop) { text in
            var document = stored
            document["password"] = .string(text)
            done(.success(ResourceVerdict(document: document)))
        }
        let isTaken = desk.passwords.submit { reply.deliver(Scrypt.hash(Secret(password))) }
        if !isTaken { done(.failure(.unavailable("too many passwords are being looked at; try again in a moment"))) }
    }

    func act(_ action: String, on document: JSONObject, now: Int64) -> JSONObject {
        var document = document
        document["sessions_since"] = .int(now)
        return document
    }
}
