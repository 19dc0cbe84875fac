// What a plugin (or the host itself) declares of one kind of thing that people manage.
//
// Everything outside is made from it: paths, OpenAPI, command-line verbs, sealing, references. How it is
// read from a plugin's text is ResourceDeclaration+Reading; what its schema says field by field is
// SchemaMarks; what is done with a document by it is ResourceDeclaration+Documents.
//
// Kind: value.

struct ResourceDeclaration: Sendable {
    /// Plural, as in the path and on the command line: `keys`. [a-z][a-z0-9-]*, at most 32 characters.
    var name: String
    var singular: String
    var title: String
    var description: String
    /// Ids are this, an underscore, and a sortable random part: `key_01jd…`.
    var idPrefix: String
    /// Pointer to the field that people know a record by: `/name`. It is a text, and required.
    var label: String
    /// Pointers worth a column in a table, in order.
    var columns: [String]
    /// Pointers whose values no two records may share.
    var unique: [String]
    /// The schema as declared, for OpenAPI and the console.
    var schemaDocument: JSONValue
    /// The same, for checking.
    var schema: ConfigSchema
    /// What the schema says of each field beyond what is valid.
    var fields: [ResourceField]
    /// Where texts are sealed, also inside lists.
    var secrets: [FieldPattern]
    /// Where ids of other records stand, also inside lists.
    var references: [(pattern: FieldPattern, collection: String)]
    var actions: [ResourceActionDeclaration]
}

/// A leaf of a resource's schema: what people can set or see.
struct ResourceField: Sendable, Equatable {
    /// `/limits/requests_per_minute`; elements of lists are not fields of their own.
    var pointer: String
    var kinds: [ConfigSchema.Kind]
    /// Of a list: what its elements are.
    var elements: [ConfigSchema.Kind] = []
    var title = ""
    var description = ""
    var unit = ""
    var format = ""
    /// Sealed at rest, shown to nobody (`writeOnly`).
    var isSecret = false
    /// Only the owner sets it (`readOnly`).
    var isReadOnly = false
    var isRequired = false
    /// The texts it may be; empty: any.
    var choices: [String] = []
    /// The resource whose ids it holds, one or a list of them; nil: none.
    var reference: String?
    /// Another name of its flag on the command line.
    var flag: String?
    var initial: JSONValue?
}

struct ResourceActionDeclaration: Sendable {
    /// `rotate`; [a-z][a-z0-9-]*.
    var name: String
    var title: String
    var description: String
    /// On one record, or on the resource as a whole.
    var isOnRecord: Bool
    /// The least role that may do it.
    var role: AdminRole
    /// It is about what the serving gateway has in its memory, so no other process can do it.
    var isLive = false
    /// Of a live action on the resource: members of its answer's records that are worth columns in a list of them.
    var listColumns: [String] = []
    var inputDocument: JSONValue
    var input: ConfigSchema
    var fields: [ResourceField]
    /// Texts of the input that no message repeats (`writeOnly`).
    var secrets: [FieldPattern]
    /// What a person does with its answer, and the action that takes what comes of it; nil: it stands alone.
    var then: ResourceActionSequel?
}

/// The second half of something that a person does in between: opens a link, and brings a code back.
struct ResourceActionSequel: Sendable, Equatable {
    /// Another action on the record; all it needs is `field`.
    var action: String
    /// Pointer to the field of its input that the person brings.
    var field: String
    /// Pointer to what of the first answer the person needs.
    var show: String
}

/// What somebody may do below /admin; each includes those before it.
enum AdminRole: String, Sendable, CaseIterable, Comparable {
    /// Sees everything but secrets.
    case viewer
    /// Changes records and performs actions.
    case `operator`
    /// Users, tokens and the gateway itself.
    case admin

    static func < (a: AdminRole, b: AdminRole) -> Bool {
        allCases.firstIndex(of: a)! < allCases.firstIndex(of: b)!
    }
}
