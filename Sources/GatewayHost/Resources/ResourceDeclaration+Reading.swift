// Reads `{"resources":[…]}`, as a plugin brings it, and refuses what the host could not keep its word about.
//
// Kind: pure.

extension ResourceDeclaration {
    /// Resources of one plugin, actions of one resource: far more than people can look through.
    static let countLimit = 32

    /// Names that mean something else below /admin/v1 or on the command line.
    static let reservedNames: Set<String> = [
        "admin", "audit", "backup", "check", "completion", "config", "demo-upstream", "doctor", "export", "help", "import", "ledger",
        "login", "logout", "logs", "openapi", "plugins", "prices", "reconcile", "reload", "restart", "restore", "rotate-master-key",
        "run", "serve", "session", "sessions", "setup", "start", "status", "stop", "store", "tokens", "usage", "users", "version",
    ]
    /// Verbs that every resource has on the command line.
    static let reservedActions: Set<String> = ["list", "show", "get", "create", "update", "delete", "help", "edit"]

    /// - Parameter isHosts: the host's own resources have names that plugins may not take.
    static func read(_ text: String, isHosts: Bool = false) throws(DeclarationFault) -> [ResourceDeclaration] {
        let document: JSONValue
        do {
            document = try JSONParser.parse(text)
        } catch {
            throw DeclarationFault("#", "is not JSON: \(error)")
        }
        var reader = try DeclarationReader(document, at: "#")
        var resources: [ResourceDeclaration] = []
        for (value, place) in try reader.list("resources", limit: countLimit) {
            let resource = try ResourceDeclaration(value, at: place, isHosts: isHosts)
            if resources.contains(where: { $0.name == resource.name || $0.singular == resource.singular }) {
                throw DeclarationFault("\(place)/name", "another resource has this name or singular")
            }
            resources.append(resource)
        }
        try reader.refuseOthers()
        return resources
    }

    private init(_ value: JSONValue, at place: String, isHosts: Bool) throws(DeclarationFault) {
        var reader = try DeclarationReader(value, at: place)
        name = try reader.word("name")
        if !isHosts, ResourceDeclaration.reservedNames.contains(name) {
            throw DeclarationFault(reader.place(of: "name"), "\"\(name)\" means something of the gateway's own; take another one")
        }
        singular = try reader.word("singular")
        title = try reader.text("title", limit: 80)
        description = try reader.text("description", initial: "")
        idPrefix = try reader.text("id_prefix", limit: 16)
        guard DeclarationReader.isWord(idPrefix), !idPrefix.utf8.contains(0x2d) else {
            throw DeclarationFault(
                reader.place(of: "id_prefix"), "must begin with a small letter and have only small letters and digits")
        }

        guard let document = reader.value("schema") else {
            throw DeclarationFault(reader.place(of: "schema"), "is missing; it takes a JSON Schema of an object")
        }
        schemaDocument = document
        let schemaPlace = reader.place(of: "schema")
        schema = try ResourceDeclaration.objectSchema(document, at: schemaPlace)
        let marks = try SchemaMarks(document, at: schemaPlace)
        fields = marks.fields
        secrets = marks.secrets
        references = marks.references

        label = try reader.text("label", limit: 80)
        let labelPlace = reader.place(of: "label")
        let labelled = try ResourceDeclaration.field(label, in: marks.fields, at: labelPlace)
        guard labelled.kinds == [.string], labelled.isRequired else {
            throw DeclarationFault(labelPlace, "must be a text that the schema requires")
        }
        columns = []
        for (pointer, place) in try reader.texts("columns", limit: 16) {
            columns.append(try ResourceDeclaration.field(pointer, in: marks.fields, at: place).pointer)
        }
        unique = []
        for (pointer, place) in try reader.texts("unique", limit: 8) {
            let field = try ResourceDeclaration.field(pointer, in: marks.fields, at: place)
            guard field.kinds == [.string] else { throw DeclarationFault(place, "must be a text") }
            unique.append(pointer)
        }
        actions = []
        for (value, place) in try reader.list("actions", limit: ResourceDeclaration.countLimit) {
            let action = try ResourceActionDeclaration(value, at: place)
            if actions.contains(where: { $0.name == action.name }) {
                throw DeclarationFault("\(place)/name", "another action has this name")
            }
            actions.append(action)
        }
        for action in actions {
            guard let then = action.then else { continue }
            guard let second = actions.first(where: { $0.name == then.action }), second.isOnRecord, !second.isLive, second.then == nil,
                second.fields.contains(where: { $0.pointer == then.field && $0.kinds == [.string] })
            else {
                throw DeclarationFault(
                    "\(place)/actions",
                    "\(action.name): what follows (\"then\") must be an action on the record that takes the field as a text")
            }
        }
        try reader.refuseOthers()
    }

    /// The schema of a whole: an object that says what it has and that it has nothing else.
    static func objectSchema(_ document: JSONValue, at place: String) throws(DeclarationFault) -> ConfigSchema {
        let schema: ConfigSchema
        do {
            schema = try ConfigSchema(document, at: place)
        } catch {
            throw DeclarationFault(error.place, error.sentence)
        }
        guard schema.kinds == [.object], document["properties"] != nil else {
            throw DeclarationFault(place, "must have \"type\": \"object\" and \"properties\"")
        }
        guard case .refused = schema.additional else {
            throw DeclarationFault(
                place, "must have \"additionalProperties\": false, so that a misspelt member is not stored in silence")
        }
        return schema
    }

    /// The field that a pointer of the declaration names; it is shown, so it cannot be a secret.
    private static func field(
        _ pointer: String, in fields: [ResourceField], at place: String
    ) throws(DeclarationFault) -> ResourceField {
        guard let field = fields.first(where: { $0.pointer == pointer }) else {
            let question = SpellingSuggestion.question(for: pointer, in: fields.map(\.pointer))
            throw DeclarationFault(
                place, "the schema has no field \"\(ConfigFault.printable(pointer, limit: 60))\"" + (question.map { "; \($0)" } ?? ""))
        }
        guard !field.isSecret else { throw DeclarationFault(place, "is writeOnly, so it cannot be shown or compared") }
        return field
    }
}

extension ResourceActionDeclaration {
    private static let emptyInput: JSONValue = [
        "type": "object", "additionalProperties": false, "properties": .object(JSONObject()),
    ]

    fileprivate init(_ value: JSONValue, at place: String) throws(DeclarationFault) {
        var reader = try DeclarationReader(value, at: place)
        name = try reader.word("name")
        guard !ResourceDeclaration.reservedActions.contains(name) else {
            throw DeclarationFault(reader.place(of: "name"), "\"\(name)\" is what every resource can do anyway; take another word")
        }
        title = try reader.text("title", limit: 80)
        description = try reader.text("description", initial: "")
        switch try reader.text("on", initial: "record") {
        case "record": isOnRecord = true
        case "resource": isOnRecord = false
        default: throw DeclarationFault(reader.place(of: "on"), "must be record or resource")
        }
        isLive = try reader.flag("live")
        for (name, place) in try reader.texts("list_columns", limit: 8) {
            guard isLive, !isOnRecord else { throw DeclarationFault(place, "belongs to a live action on the resource") }
            listColumns.append(name)
        }
        guard let role = AdminRole(rawValue: try reader.text("role", initial: AdminRole.operator.rawValue)) else {
            throw DeclarationFault(reader.place(of: "role"), "must be viewer, operator or admin")
        }
        self.role = role
        inputDocument = reader.value("input") ?? ResourceActionDeclaration.emptyInput
        let inputPlace = reader.place(of: "input")
        input = try ResourceDeclaration.objectSchema(inputDocument, at: inputPlace)
        let marks = try SchemaMarks(inputDocument, at: inputPlace)
        fields = marks.fields
        secrets = marks.secrets
        if let value = reader.value("then") {
            guard isOnRecord, !isLive else {
                throw DeclarationFault(reader.place(of: "then"), "belongs to an action on the record that is not live")
            }
            var sequel = try DeclarationReader(value, at: reader.place(of: "then"))
            then = ResourceActionSequel(
                action: try sequel.word("action"), field: try sequel.text("field", limit: 80), show: try sequel.text("show", limit: 80))
            try sequel.refuseOthers()
        }
        try reader.refuseOthers()
    }
}
