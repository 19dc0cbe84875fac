// The three schemas that a resource's own becomes: of what is sent to create it, of a patch, and of what is shown.
//
// Kind: pure.

enum OpenAPISchemas {
    /// Without what only the owner sets.
    static func create(_ schema: JSONValue) -> JSONValue { without("readOnly", in: schema) }

    /// As shown: without secrets, with what the interface adds. Nothing of it is promised to be there but the id, because
    /// what the configuration fixes may leave out what the store demands.
    static func record(_ resource: ResourceDeclaration) -> JSONValue {
        var properties: JSONObject = [
            "id": ["type": "string"],
            "revision": ["type": "integer", "description": "Larger after each change; 0 for what the configuration fixes."],
            "created": ["type": "string", "format": "date-time"], "updated": ["type": "string", "format": "date-time"],
            "read_only": ["type": "boolean", "description": "It stands in the configuration and is changed there."],
            "revealed": ["type": "object", "description": "Told once, to whoever made the change."],
        ]
        for (name, property) in without("writeOnly", in: resource.schemaDocument)["properties"]?.object ?? JSONObject()
        where properties[name] == nil { properties[name] = property }
        return [
            "type": "object", "title": .string(resource.title), "description": .string(resource.description),
            "required": ["id", "revision"], "properties": .object(properties),
        ]
    }

    /// A merge patch: nothing is required, and null removes what is not.
    static func patch(_ schema: JSONValue) -> JSONValue { patch(of: without("readOnly", in: schema)) }

    private static func patch(of schema: JSONValue) -> JSONValue {
        guard var object = schema.object, let properties = object["properties"]?.object else { return schema }
        let required = Set(object["required"]?.array?.compactMap(\.string) ?? [])
        var changed = JSONObject()
        for (name, property) in properties {
            var property = patch(of: property)
            if var object = property.object {
                object["default"] = nil
                property = .object(object)
            }
            changed[name] = required.contains(name) ? property : ["anyOf": [property, ["type": "null"]]]
        }
        object["properties"] = .object(changed)
        object["required"] = nil
        return .object(object)
    }

    /// Without the properties that bear a mark, at any depth.
    private static func without(_ mark: String, in schema: JSONValue) -> JSONValue {
        guard var object = schema.object else { return schema }
        if let items = object["items"] { object["items"] = without(mark, in: items) }
        if let properties = object["properties"]?.object {
            var kept = JSONObject()
            var removed: Set<String> = []
            for (name, property) in properties {
                if property[mark]?.bool == true { removed.insert(name) } else { kept[name] = without(mark, in: property) }
            }
            object["properties"] = .object(kept)
            if let required = object["required"]?.array {
                object["required"] = .array(required.filter { !removed.contains($0.string ?? "") })
            }
        }
        return .object(object)
    }

    /// Schemas that are the same for every chain.
    static let fixed: JSONObject = [
        "problem": [
            "type": "object", "required": ["title", "status", "detail"],
            "properties": [
                "title": ["type": "string"], "status": ["type": "integer"], "detail": ["type": "string"],
                "request_id": ["type": "string"],
                "errors": [
                    "type": "array", "description": "What is wrong, field by field.",
                    "items": [
                        "type": "object", "required": ["pointer", "detail"],
                        "properties": [
                            "pointer": ["type": "string", "description": "A JSON pointer into the document that was sent."],
                            "detail": ["type": "string"],
                        ],
                    ],
                ],
            ],
        ],
        "session": [
            "type": "object", "required": ["actor", "role"],
            "properties": [
                "actor": ["type": "string"], "role": ["type": "string", "enum": ["viewer", "operator", "admin"]],
                "csrf_token": ["type": "string"], "expires": ["type": "string", "format": "date-time"],
            ],
        ],
        "usage": [
            "type": "object", "required": ["data", "nodes", "notes"],
            "properties": [
                "data": ["type": "array", "items": ["$ref": "#/components/schemas/usage-sums"]],
                "nodes": ["type": "array", "items": ["type": "string"], "description": "Whose sums these are."],
                "notes": ["type": "array", "items": ["type": "string"], "description": "What to know about them, for people."],
            ],
        ],
        "usage-sums": usage,
        "usage-row": row,
        "audit-entry": [
            "type": "object", "required": ["number", "time", "actor", "action"],
            "properties": [
                "number": ["type": "integer"], "time": ["type": "string", "format": "date-time"],
                "actor": ["type": "string"], "source": ["type": "string", "description": "The client's address."],
                "action": ["type": "string"], "resource": ["type": "string"], "record": ["type": "string"],
                "fields": ["type": "array", "items": ["type": "string"], "description": "JSON pointers of what changed."],
                "outcome": ["type": "string"], "request_id": ["type": "string"],
            ],
        ],
    ]

    private static var usage: JSONValue {
        var properties = JSONObject()
        for dimension in UsageDimension.allCases { properties[dimension.rawValue] = ["type": "string"] }
        for column in RollupSums.Column.allCases { properties[column.name] = ["type": "integer"] }
        return [
            "type": "object", "required": .array(RollupSums.Column.allCases.map { .string($0.name) }), "properties": .object(properties),
        ]
    }

    private static var row: JSONValue {
        let texts: Set<String> = ["id", "started", "key", "account", "model", "end", "upstream_request_id", "why"]
        var properties = JSONObject()
        for name in RowJSON.members + ["why"] { properties[name] = ["type": texts.contains(name) ? "string" : "integer"] }
        return ["type": "object", "required": .array(RowJSON.members.map { .string($0) }), "properties": .object(properties)]
    }
}
