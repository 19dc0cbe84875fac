// From the bytes of a YAML file to our tree: the only importer of libyaml.
//
// Takes the part of YAML that people write configurations in: block and flow mappings and lists,
// plain, quoted and block scalars, comments, one document. Refuses, each with a sentence that says
// what to write instead: aliases and anchors (a nine-line file of them can mean a billion nodes), tags,
// merge keys, a key given twice, keys that are not scalars, a second document.
//
// Kind: value. Invariants: the tree has at most `nodeLimit` nodes and is at most `depthLimit` deep,
// so whatever walks it may recurse.

import CYAML

struct YAMLReader: ~Copyable {
    /// A configuration of ten thousand keys is about one megabyte.
    static let byteLimit = 8 << 20
    static let nodeLimit = 200_000
    static let depthLimit = 64

    private let file: String
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private var nodes = 0

    /// Reads `bytes` as the contents of `file`, which only names the place of faults.
    static func read(_ bytes: [UInt8], file: String) throws(ConfigFaults) -> YAMLNode {
        guard bytes.count <= byteLimit else {
            throw ConfigFaults(
                ConfigFault(
                    file: file, mark: nil, path: "",
                    sentence: "the file has \(bytes.count) bytes; a configuration may have \(byteLimit)"))
        }
        // libyaml keeps a pointer to the input until the parser is deleted; this copy outlives it.
        let input = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(bytes.count, 1))
        defer { input.deallocate() }
        _ = input.update(fromContentsOf: bytes)
        var reader = YAMLReader(file: file)
        yaml_parser_set_input_string(reader.parser, input.baseAddress, bytes.count)
        do {
            return try reader.document()
        } catch {
            throw ConfigFaults(reader.withTextPosition(error, bytes))
        }
    }

    private init(file: String) {
        self.file = file
        parser = .allocate(capacity: 1)
        precondition(yaml_parser_initialize(parser) == 1, "libyaml has no memory for a parser")
        yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
    }

    deinit {
        yaml_parser_delete(parser)
        parser.deallocate()
    }

    // MARK: Events

    private mutating func document() throws(ConfigFault) -> YAMLNode {
        var event = try next()
        event = try next()
        guard event.type == YAML_DOCUMENT_START_EVENT else {
            throw fault(
                YAMLMark(line: 1, column: 1), .root, "the file is empty",
                "It needs at least a chain; \"gateway config docs\" describes every key.")
        }
        let root = try node(try next(), path: .root, depth: 0)
        event = try next()
        event = try next()
        if event.type == YAML_DOCUMENT_START_EVENT {
            throw fault(
                event.mark, .root, "a second document begins here",
                "Keep everything in one: remove the line \"---\".")
        }
        return root
    }

    private mutating func node(_ event: borrowing Event, path: ConfigPath, depth: Int)
        throws(ConfigFault) -> YAMLNode
    {
        nodes += 1
        guard nodes <= YAMLReader.nodeLimit else {
            throw fault(event.mark, path, "the file has more than \(YAMLReader.nodeLimit) values", nil)
        }
        guard depth <= YAMLReader.depthLimit else {
            throw fault(
                event.mark, path, "more than \(YAMLReader.depthLimit) levels inside one another", nil)
        }
        try refuseProperties(of: event, path)
        switch event.type {
        case YAML_SEQUENCE_START_EVENT: return try sequence(event.mark, path, depth)
        case YAML_MAPPING_START_EVENT: return try mapping(event.mark, path, depth)
        default:
            return YAMLNode(content: .scalar(event.scalar), mark: event.mark, path: path)
        }
    }

    private mutating func sequence(_ mark: YAMLMark, _ path: ConfigPath, _ depth: Int)
        throws(ConfigFault) -> YAMLNode
    {
        var items: [YAMLNode] = []
        while true {
            let event = try next()
            if event.type == YAML_SEQUENCE_END_EVENT { break }
            items.append(try node(event, path: path.appending(items.count), depth: depth + 1))
        }
        return YAMLNode(content: .sequence(items), mark: mark, path: path)
    }

    private mutating func mapping(_ mark: YAMLMark, _ path: ConfigPath, _ depth: Int)
        throws(ConfigFault) -> YAMLNode
    {
        var entries: [YAMLEntry] = []
        var lines: [String: Int] = [:]
        while true {
            let event = try next()
            if event.type == YAML_MAPPING_END_EVENT { break }
            let key = try key(event, path)
            let place = path.appending(key)
            if let first = lines.updateValue(event.mark.line, forKey: key) {
                throw fault(
                    event.mark, place,
                    "the key \"\(ConfigFault.printable(key, limit: 60))\" was already given on line \(first)",
                    "Keep one of the two.")
            }
            let keyMark = event.mark
            let value = try node(try next(), path: place, depth: depth + 1)
            entries.append(YAMLEntry(key: key, keyMark: keyMark, value: value))
        }
        return YAMLNode(content: .mapping(entries), mark: mark, path: path)
    }

    private mutating func key(_ event: borrowing Event, _ path: ConfigPath) throws(ConfigFault) -> String {
        try refuseProperties(of: event, path)
        guard event.type == YAML_SCALAR_EVENT else {
            throw fault(
                event.mark, path, "a key must be a word, not a list or a mapping",
                "If this is a text that begins with { or [, put it in quotes.")
        }
        let scalar = event.scalar
        if scalar.style == .plain, scalar.text == "<<" {
            throw fault(
                event.mark, path, "merge keys (<<) are not supported", "Write the shared keys out here.")
        }
        return scalar.text
    }

    private func refuseProperties(of event: borrowing Event, _ path: ConfigPath) throws(ConfigFault) {
        if event.type == YAML_ALIAS_EVENT {
            throw fault(
                event.mark, path, "aliases (*name) are not supported",
                "Write the value out, or put it into the environment and write ${NAME}. "
                    + "If it is a text that begins with *, put it in quotes.")
        }
        if event.hasAnchor {
            throw fault(
                event.mark, path, "anchors (&name) are not supported",
                "Remove it. If it is a text that begins with &, put it in quotes.")
        }
        if event.hasTag {
            throw fault(
                event.mark, path, "tags (!name) are not supported",
                "Remove it; a value in quotes is always a text.")
        }
    }

    private mutating func next() throws(ConfigFault) -> Event {
        let event = Event()
        guard yaml_parser_parse(parser, event.pointer) == 1 else { throw syntaxFault() }
        return event
    }

    // MARK: Faults

    private func fault(_ mark: YAMLMark, _ path: ConfigPath, _ sentence: String, _ suggestion: String?)
        -> ConfigFault
    {
        ConfigFault(
            file: file, mark: mark, path: path.description, sentence: sentence, suggestion: suggestion)
    }

    private func syntaxFault() -> ConfigFault {
        let problem = parser.pointee.problem.map { String(cString: $0) } ?? "unreadable"
        let mark = YAMLMark(parser.pointee.problem_mark)
        let (sentence, suggestion) = YAMLReader.explain(problem)
        return fault(mark, .root, sentence, suggestion)
    }

    /// Faults of the encoding carry a byte offset instead of a mark; turns it into line and column.
    private func withTextPosition(_ fault: ConfigFault, _ bytes: [UInt8]) -> ConfigFault {
        guard parser.pointee.error == YAML_READER_ERROR else { return fault }
        let before = bytes.prefix(Int(parser.pointee.problem_offset))
        let line = before.reduce(1) { $1 == 0x0a ? $0 + 1 : $0 }
        let start = before.lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
        let column = before[min(start, before.count)...].reduce(1) { $1 & 0xc0 == 0x80 ? $0 : $0 + 1 }
        var placed = fault
        placed.mark = YAMLMark(line: line, column: column)
        return placed
    }

    /// libyaml's words, where they are known to leave people alone, in ours.
    private static func explain(_ problem: String) -> (String, String?) {
        switch problem {
        case "mapping values are not allowed in this context":
            (
                "a colon followed by a blank stands where no key can begin",
                "Check the indentation of this line; a text with \": \" in it needs quotes."
            )
        case "found character that cannot start any token":
            (
                "a value cannot begin with this character",
                "Indent with blanks, not tabs; put a text that begins with @, ` or % in quotes."
            )
        case "did not find expected key":
            (
                "this is neither a key nor the end of the mapping before it",
                "Keys of one mapping begin in the same column; a closing } or a comma may be missing."
            )
        case "could not find expected ':'":
            ("a key without a colon", "Write \"key: value\", with a blank after the colon.")
        case "did not find expected '-' indicator":
            ("this is no entry of the list it stands in", "Entries begin with \"- \" in the same column.")
        case "did not find expected ',' or ']'":
            (
                "the list is not closed here",
                "Put a comma between entries and ] at the end; ${NAME} needs quotes inside brackets."
            )
        case "did not find expected ',' or '}'":
            (
                "the mapping is not closed here",
                "Put a comma between entries and } at the end; ${NAME} needs quotes inside braces."
            )
        case "found unexpected end of stream":
            ("the file ends inside a quoted text", "A closing quote is missing.")
        case "found undefined tag handle":
            ("tags (!name) are not supported", "Put a text that begins with ! in quotes.")
        case _ where problem.hasPrefix("invalid") || problem == "incomplete UTF-8 octet sequence":
            ("the file is not UTF-8 here: \(problem)", "Save it as UTF-8.")
        case "control characters are not allowed":
            ("a control character stands here", "Remove it, or write it as \\x07 in double quotes.")
        default: (problem, nil)
        }
    }
}

extension YAMLMark {
    fileprivate init(_ mark: yaml_mark_t) {
        self.init(line: Int(mark.line) + 1, column: Int(mark.column) + 1)
    }
}

/// One event of the parser, deleted with its owner.
private struct Event: ~Copyable {
    let pointer: UnsafeMutablePointer<yaml_event_t>

    init() {
        pointer = .allocate(capacity: 1)
        pointer.initialize(to: yaml_event_t())
    }

    deinit {
        // An event that was never filled is all zero, which is "no event" to libyaml.
        yaml_event_delete(pointer)
        pointer.deallocate()
    }

    var type: yaml_event_type_t { pointer.pointee.type }
    var mark: YAMLMark { YAMLMark(pointer.pointee.start_mark) }

    var hasAnchor: Bool {
        switch type {
        case YAML_SCALAR_EVENT: pointer.pointee.data.scalar.anchor != nil
        case YAML_SEQUENCE_START_EVENT: pointer.pointee.data.sequence_start.anchor != nil
        case YAML_MAPPING_START_EVENT: pointer.pointee.data.mapping_start.anchor != nil
        default: false
        }
    }

    var hasTag: Bool {
        switch type {
        case YAML_SCALAR_EVENT: pointer.pointee.data.scalar.tag != nil
        case YAML_SEQUENCE_START_EVENT: pointer.pointee.data.sequence_start.tag != nil
        case YAML_MAPPING_START_EVENT: pointer.pointee.data.mapping_start.tag != nil
        default: false
        }
    }

    /// Of a scalar event.
    var scalar: YAMLScalar {
        let scalar = pointer.pointee.data.scalar
        let text = String(
            decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
        return YAMLScalar(
            text: text, style: scalar.style == YAML_PLAIN_SCALAR_STYLE ? .plain : .quoted)
    }
}
