// The verbs that every resource has, made from its declaration: list, show, create, update, delete, and one for each action.
//
// Kind: value. The verbs' functions belong to the main thread.

enum ResourceVerbs {
    static func make(_ resources: [ResourceDeclaration]) -> [Verb] {
        resources.flatMap { resource in
            [list(resource), show(resource), create(resource), update(resource), delete(resource)]
                + resource.actions.map { act($0, resource) }
        }
    }

    static func list(_ resource: ResourceDeclaration) -> Verb {
        Verb(
            name: "\(resource.name) list", section: .managing, summary: "Lists the \(resource.name).",
            details: sentence(resource.description)
                + "Records that stand in the configuration file are listed with ids that begin with config:, and cannot be changed here.",
            flags: [
                .init(name: "search", value: "TEXT", help: "only those whose name contains it"),
                .init(name: "limit", short: "n", value: "N", help: "no more than these; 100 unless given"),
                .init(name: "after", value: "CURSOR", help: "go on behind a page that ended with this next_cursor"),
                .init(name: "all", help: "every one of them"),
                .config, .json,
            ], resource: resource.name
        ) { invocation in
            guard let limit = invocation.count("limit", 1...1_000_000, unless: 100) else { return .usage }
            return invocation.withAdministration { $0.list(resource, limit, invocation) }
        }
    }

    static func show(_ resource: ResourceDeclaration) -> Verb {
        Verb(
            name: "\(resource.name) show", section: .managing,
            summary: "Shows one \(resource.singular), without its secrets.",
            operands: [operand(resource)], flags: [id(resource), .config, .json], resource: resource.name
        ) { invocation in
            invocation.withRecord(of: resource) { _, record in
                invocation.show(record, resource)
                return .done
            }
        }
    }

    static func create(_ resource: ResourceDeclaration) -> Verb {
        let flags = FieldFlags(resource.fields)
        return Verb(
            name: "\(resource.name) create", section: .managing, summary: "Makes a new \(resource.singular).",
            details: sentence(resource.description) + "A running gateway uses it from its next request on.",
            flags: flags.flags() + [document, .config, .json], resource: resource.name
        ) { invocation in
            invocation.withAdministration { $0.create(resource, flags, invocation) }
        }
    }

    static func update(_ resource: ResourceDeclaration) -> Verb {
        let flags = FieldFlags(resource.fields)
        return Verb(
            name: "\(resource.name) update", section: .managing,
            summary: "Changes fields of one \(resource.singular); the others stay.",
            details: "A list is replaced as a whole. --unset takes a field away.", operands: [operand(resource)],
            flags: [id(resource)]
                + flags.flags(areForUpdate: true) + [
                    .init(
                        name: "unset", value: "FIELD", help: "take the field of this flag away", isRepeatable: true,
                        offers: .words(flags.entries.map { $0.alias ?? $0.name })),
                    .init(name: "revision", value: "N", help: "only if the record still has this revision"),
                    document, .config, .json,
                ], resource: resource.name
        ) { invocation in
            invocation.withRecord(of: resource) { $0.update(resource, flags, $1, invocation) }
        }
    }

    static func delete(_ resource: ResourceDeclaration) -> Verb {
        Verb(
            name: "\(resource.name) delete", section: .managing, summary: "Deletes one \(resource.singular).",
            details: "Asks first on a terminal; elsewhere it takes --yes.", operands: [operand(resource)],
            flags: [id(resource), .yes, .config, .json], resource: resource.name
        ) { invocation in
            invocation.withRecord(of: resource) { $0.delete(resource, $1, invocation) }
        }
    }

    static func act(_ action: ResourceActionDeclaration, _ resource: ResourceDeclaration) -> Verb {
        let flags = FieldFlags(action.fields)
        if let then = action.then, let second = resource.actions.first(where: { $0.name == then.action }) {
            return begin(action, then, second, resource)
        }
        return Verb(
            name: "\(resource.name) \(action.name)", section: .managing, summary: ended(action.title),
            details: action.description, operands: action.isOnRecord ? [operand(resource)] : [],
            flags: (action.isOnRecord ? [id(resource)] : []) + flags.flags() + [.config, .json], resource: resource.name
        ) { invocation in
            if !action.isOnRecord {
                return invocation.withAdministration { $0.act(action, resource, flags, nil, invocation) }
            }
            return invocation.withRecord(of: resource) { $0.act(action, resource, flags, $1, invocation) }
        }
    }

    /// An action that a person's doing and another action follow: on a terminal all of it is one command.
    private static func begin(
        _ action: ResourceActionDeclaration, _ then: ResourceActionSequel, _ second: ResourceActionDeclaration,
        _ resource: ResourceDeclaration
    ) -> Verb {
        let flags = (first: FieldFlags(action.fields), second: FieldFlags(second.fields.filter { $0.pointer == then.field }))
        let flag = flags.second.shownName(of: then.field) ?? ""
        return Verb(
            name: "\(resource.name) \(action.name)", section: .managing, summary: ended(action.title),
            details: action.description + "\nOn a terminal it goes on to ask for what comes of that. Elsewhere it ends there, "
                + "and \(flag) brings it: then nothing is begun anew.",
            operands: [operand(resource)], flags: [id(resource)] + flags.first.flags() + flags.second.flags() + [.config, .json],
            resource: resource.name
        ) { invocation in
            invocation.withRecord(of: resource) { $0.begin(action, then, second, resource, flags, $1, invocation) }
        }
    }

    // MARK: Parts

    private static let document = Verb.Flag(
        name: "document", value: "FILE", help: "fields from a JSON object in a file (\"-\": standard input); flags come on top",
        offers: .files)

    private static func operand(_ resource: ResourceDeclaration) -> Verb.Operand {
        .init(name: "ID-OR-NAME", isOptional: true, offers: .records(resource.name))
    }

    private static func id(_ resource: ResourceDeclaration) -> Verb.Flag {
        .init(
            name: "id", value: "ID", help: "which \(resource.singular): its id, or its name where only one has it",
            offers: .records(resource.name))
    }

    private static func sentence(_ text: String) -> String { text.isEmpty ? "" : ended(text) + "\n" }

    private static func ended(_ text: String) -> String { text.hasSuffix(".") ? text : text + "." }
}

extension Invocation {
    /// Finds the record that the command line names.
    func withRecord(of resource: ResourceDeclaration, _ body: (Administration, JSONValue) -> ExitCode) -> ExitCode {
        let named = [arguments.operands.first, self["id"]].compactMap(\.self)
        guard named.count == 1 else {
            return fail(
                named.isEmpty
                    ? "which \(resource.singular)? Write gateway \(verb) ID, or its name."
                    : "the \(resource.singular) is named twice. Keep one of the two.",
                .usage)
        }
        return withAdministration { administration in
            do throws(RecordFinder.Fault) {
                return body(administration, try administration.finder.find(named[0], among: resource))
            } catch {
                return fail(error)
            }
        }
    }
}
