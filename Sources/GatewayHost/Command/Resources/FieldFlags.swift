// Flags of the command line for the fields of a schema, and the document that they say.
//
//     /limits/requests_per_minute   --limits-requests-per-minute 60    {"limits":{"requests_per_minute":60}}
//     /models                       --models a,b --models c            {"models":["a","b","c"]}
//     /enabled                      --no-enabled                       {"enabled":false}
//     /api_key (a secret)           --api-key-file FILE, --api-key -   not in the shell's history
//
// Kind: value. Pure but for the files and the input that secrets come from, which are handed in.

struct FieldFlags: Sendable {
    /// Flags that verbs of resources have beside those of fields.
    static let reserved: Set<String> = [
        "config", "json", "yes", "id", "unset", "revision", "document", "help", "version", "all", "search", "after",
    ]

    struct Entry: Sendable {
        let field: ResourceField
        let name: String
        /// `limit`, where the declaration gives another name.
        let alias: String?
        /// Reads the value from a file; secrets only.
        var fileName: String { "\(name)-file" }
    }

    let entries: [Entry]

    /// - Parameter fields: those that people may set.
    init(_ fields: [ResourceField]) {
        var taken = FieldFlags.reserved
        var entries: [Entry] = []
        for field in fields where !field.isReadOnly {
            var name = FieldFlags.name(of: field.pointer)
            while !taken.insert(name).inserted { name = "field-\(name)" }
            entries.append(Entry(field: field, name: name, alias: nil))
        }
        // A field's own name comes before the other name of another one.
        self.entries = entries.map { entry in
            guard let alias = entry.field.flag, taken.insert(alias).inserted else { return entry }
            return Entry(field: entry.field, name: entry.name, alias: alias)
        }
    }

    static func name(of pointer: String) -> String {
        JSONPointer.tokens(pointer).joined(separator: "-").replacing("_", with: "-").lowercased()
    }

    /// The flag that sets the field at or above `pointer`; nil: none does.
    func shownName(of pointer: String) -> String? {
        let entry = entries.filter { pointer == $0.field.pointer || pointer.hasPrefix($0.field.pointer + "/") }
            .max { $0.field.pointer.utf8.count < $1.field.pointer.utf8.count }
        return entry.map { "--\($0.alias ?? $0.name)" }
    }

    // MARK: For the parser and for help

    /// - Parameter areForUpdate: what a new record gets unless given is not what one that is there gets.
    func flags(areForUpdate: Bool = false) -> [Verb.Flag] {
        entries.flatMap { entry -> [Verb.Flag] in
            var flag = Verb.Flag(name: entry.name, help: FieldFlags.help(entry.field, isForUpdate: areForUpdate))
            flag.aliases = entry.alias.map { [$0] } ?? []
            flag.isRepeatable = entry.field.isList
            if entry.field.isSwitch {
                flag.hasOpposite = true
            } else {
                flag.value = entry.field.placeholder
                flag.offers = entry.field.offer
            }
            guard entry.field.isSecret else { return [flag] }
            flag.help += " (\"-\" reads it from standard input)"
            return [
                flag,
                Verb.Flag(name: entry.fileName, value: "FILE", help: "the same, read from a file", offers: .files),
            ]
        }
    }

    private static func help(_ field: ResourceField, isForUpdate: Bool) -> String {
        var text = field.description.isEmpty ? field.title : field.description
        while text.hasSuffix(".") { text.removeLast() }
        var notes: [String] = []
        if !field.unit.isEmpty { notes.append(field.unit) }
        if !field.choices.isEmpty { notes.append(field.choices.joined(separator: ", ")) }
        if field.isList { notes.append("several: separated by commas, or the flag again") }
        if field.format == "date-time" { notes.append("30d from now, or 2025-11-23T18:00:00Z") }
        if let reference = field.reference { notes.append("id or name of one of the \(reference)") }
        if isForUpdate {
            // The others stay as they are.
        } else if let initial = field.initial, !initial.isNull {
            notes.append("\(initial.string ?? String(decoding: initial.compact, as: UTF8.self)) unless given")
        } else if field.isRequired {
            notes.append("required")
        }
        return text + (notes.isEmpty ? "" : " (\(notes.joined(separator: "; ")))")
    }

    // MARK: What was said

    /// Where secrets come from when they stand in no flag.
    struct Sources: Sendable {
        var input: @Sendable () -> [UInt8]?
        var file: @Sendable (String) -> Result<[UInt8], FileBytes.Failure>
        /// Nanoseconds since 1970.
        var now: UInt64
    }

    /// The members that the flags set, over `base`.
    /// - Throws: what is wrong with a value, naming its flag.
    func document(
        _ arguments: Arguments, over base: JSONObject = [:], _ sources: Sources
    ) throws(UsageFault) -> JSONObject {
        var document = base
        for entry in entries {
            if let value = try value(of: entry, arguments, sources) {
                document.set(value, at: JSONPointer.tokens(entry.field.pointer)[...])
            }
        }
        for name in arguments.flags["unset"] ?? [] {
            guard let entry = entries.first(where: { $0.name == name || $0.alias == name || $0.field.pointer == name }) else {
                throw CommandLineParser.unknown(name, name, entries.map { $0.alias ?? $0.name }, "--help", kind: "field")
            }
            document.set(.null, at: JSONPointer.tokens(entry.field.pointer)[...])
        }
        return document
    }

    private func value(
        of entry: Entry, _ arguments: Arguments, _ sources: Sources
    ) throws(UsageFault) -> JSONValue? {
        let written = arguments.flags[entry.name]
        let flag = "--\(entry.alias ?? entry.name)"
        if entry.field.isSwitch { return written.map { .bool($0.last != "false") } }
        if entry.field.isSecret {
            let file = arguments.flags[entry.fileName]?.last
            if file != nil, written != nil {
                throw UsageFault(sentence: "\(flag) and --\(entry.fileName) are both given", suggestion: "Keep one of the two.")
            }
            if let file { return .string(try FieldFlags.secret(from: sources.file(file), flag: "--\(entry.fileName)")) }
            if written?.last == "-" {
                guard let bytes = sources.input() else {
                    throw UsageFault(sentence: "\(flag) - cannot read standard input", suggestion: "Use --\(entry.fileName) FILE.")
                }
                return .string(FieldFlags.line(bytes))
            }
        }
        guard let written else { return nil }
        if !entry.field.isList { return try entry.field.value(written.last ?? "", flag: flag, now: sources.now) }
        var elements: [JSONValue] = []
        for text in written { elements += try entry.field.elements(text, flag: flag) }
        return .array(elements)
    }

    private static func secret(
        from read: Result<[UInt8], FileBytes.Failure>, flag: String
    ) throws(UsageFault) -> String {
        switch read {
        case .success(let bytes): return line(bytes)
        case .failure(let failure): throw UsageFault(sentence: "\(flag): \(failure.sentence)", suggestion: "Name another file.")
        }
    }

    /// Without the line break that editors and echo put behind it.
    private static func line(_ bytes: [UInt8]) -> String {
        var bytes = bytes[...]
        while let last = bytes.last, last == 0x0a || last == 0x0d { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }
}
