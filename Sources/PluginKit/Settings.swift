// A place in a plugin's configuration, with its path, so that an error can say where it is.
//
// The host has validated the document against the plugin's schema already; what a schema cannot
// say (a date that exists, a name that is unique) is checked by the plugin with `invalid(_:)`.
//
// Kind: value, [control].

public struct Settings {
    public let value: JSON
    /// RFC 6901, as in the host's own messages: "/keys/3/expires".
    public let path: String

    public init(_ value: JSON, path: String = "") {
        self.value = value
        self.path = path
    }

    /// The member of that name; absent if there is none.
    public subscript(name: String) -> Settings { Settings(value[name], path: "\(path)/\(name)") }

    public var isAbsent: Bool { value == .null }

    /// Itself, or nil if it is absent.
    public var ifPresent: Settings? { isAbsent ? nil : self }

    /// An error about this place.
    public func invalid(_ reason: String) -> PluginError {
        PluginError(reason, at: path)
    }

    public func text() throws(PluginError) -> String {
        guard case .text(let text) = value else { throw invalid("a text is needed here") }
        return text
    }

    public func integer(in range: ClosedRange<Int> = 0...Int.max) throws(PluginError) -> Int {
        let exact: Int? =
            switch value {
            case .integer(let wide): Int(exactly: wide)
            case .real(let real): Int(exactly: real)  // 655.0 is an integer to JSON Schema
            default: nil
            }
        guard let integer = exact else { throw invalid("a whole number is needed here") }
        guard range.contains(integer) else {
            throw invalid("\(integer) is not from \(range.lowerBound) to \(range.upperBound)")
        }
        return integer
    }

    public func bool() throws(PluginError) -> Bool {
        guard case .bool(let bool) = value else { throw invalid("true or false is needed here") }
        return bool
    }

    /// The elements of a list; none if it is absent.
    public func list() throws(PluginError) -> [Settings] {
        if isAbsent { return [] }
        guard case .list(let elements) = value else { throw invalid("a list is needed here") }
        return elements.enumerated().map { Settings($1, path: "\(path)/\($0)") }
    }

    /// The members of a map; none if it is absent.
    public func map() throws(PluginError) -> [(name: String, value: Settings)] {
        if isAbsent { return [] }
        guard case .map(let members) = value else { throw invalid("a map is needed here") }
        return members.map { ($0.name, Settings($0.value, path: "\(path)/\($0.name)")) }
    }

    /// The texts of a list; none if it is absent.
    public func texts() throws(PluginError) -> [String] {
        var texts: [String] = []
        for element in try list() { texts.append(try element.text()) }
        return texts
    }
}
