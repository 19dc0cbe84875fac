// Tokens for programs that use the admin interface: named, with a role, maybe with an end.
//
// The token itself is made here, told once to whoever made it, and never kept: the store has its keyed hash,
// by which the gate finds the record.
//
// Kind: loop-confined; free of state.

final class AdminTokens: HostResource {
    static let name = "tokens"
    static let hashField = "/token_hash"

    static let declaration = AdminUsers.read(
        """
        {"resources": [{
          "name": "tokens", "singular": "token", "title": "Admin tokens",
          "description": "Tokens for programs that use the admin interface. The token is shown once, when it is made.",
          "id_prefix": "tok", "label": "/name", "columns": ["/name", "/role", "/token_hint", "/expires", "/enabled"],
          "unique": ["/name", "/token_hash"],
          "schema": {
            "type": "object", "additionalProperties": false, "required": ["name"],
            "properties": {
              "name": {"type": "string", "title": "Name", "minLength": 1, "maxLength": 64, "description": "What the token is for."},
              "role": {"type": "string", "title": "Role", "enum": ["viewer", "operator", "admin"], "default": "viewer"},
              "enabled": {"type": "boolean", "title": "Enabled", "default": true},
              "expires": {"type": "string", "format": "date-time", "title": "Expires", "maxLength": 40,
                "description": "When it ends, as 2027-01-31T12:00:00Z. Without, it does not."},
              "token_hint": {"type": "string", "readOnly": true, "title": "Token"},
              "token_hash": {"type": "string", "readOnly": true, "title": "Keyed hash"}
            }
          }
        }]}
        """)

    var declarations: [ResourceDeclaration] { [AdminTokens.declaration] }
    func fixedRecords(of resource: String) -> [JSONObject] { [] }

    func check(_ change: ResourceChange) -> ResourceVerdict {
        var verdict = ResourceVerdict()
        if let expires = change.after?["expires"]?.string, AdminTime.milliseconds(expires) == nil {
            verdict.faults.append(.init(pointer: "/expires", sentence: "must be a time like 2027-01-31T12:00:00Z"))
        }
        return verdict
    }

    func settle(
        _ change: ResourceChange, _ desk: AdminDesk, _ loop: EventLoop,
        _ done: @escaping (Result<ResourceVerdict, ProblemDocument>) -> Void
    ) {
        guard change.kind == .create, var document = change.after else { return done(.success(ResourceVerdict())) }
        let token = AdminToken.make()
        document["token_hint"] = .string(AdminToken.hint(token))
        document["token_hash"] = .string(desk.keys.hash(ofToken: token))
        done(.success(ResourceVerdict(document: document, reveal: ["token": .string(token)])))
    }

    func act(_ action: String, on document: JSONObject, now: Int64) -> JSONObject { document }
}
