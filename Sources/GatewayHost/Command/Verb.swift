// A command of the gateway, as the command line knows it: its words, operands, flags, help and function.
//
// Kind: value.

struct Verb: Sendable {
    /// Under which heading help lists it.
    enum Section: String, Sendable, CaseIterable {
        case serving = "Serve"
        case managing = "Manage"
        case looking = "Look"
        case keeping = "Keep"
        case trying = "Try and describe"
    }

    struct Flag: Sendable {
        var name: String
        /// `-f`
        var short: Character?
        /// Other names of it, which help shows instead of `name`.
        var aliases: [String] = []
        /// What stands behind it, in capitals; nil for a switch.
        var value: String?
        var help: String
        /// May be given more than once.
        var isRepeatable = false
        /// A switch that `--no-NAME` turns off.
        var hasOpposite = false
        var offers = Offer.nothing
    }

    /// A word without a flag: `keys show ID`.
    struct Operand: Sendable {
        var name: String
        var isOptional = false
        var offers = Offer.nothing
    }

    /// What completion offers for a value.
    enum Offer: Sendable, Equatable {
        case nothing
        case files
        case words([String])
        /// Ids and names of this resource's records.
        case records(String)
    }

    /// `serve`, or two words: `config show`.
    let name: String
    var section = Section.looking
    /// One line for the list of verbs.
    let summary: String
    /// Sentences for `--help`, broken into lines.
    var details = ""
    var operands: [Operand] = []
    var flags: [Flag] = []
    /// Works, and is not listed.
    var isHidden = false
    /// The resource whose declaration it was made from; nil: it is always there.
    var resource: String?
    let run: @Sendable (Invocation) -> ExitCode
}

extension Verb.Flag {
    /// The name that people should use.
    var shownName: String { aliases.first ?? name }

    func isNamed(_ written: String) -> Bool { name == written || aliases.contains(written) }

    static let config = Verb.Flag(
        name: "config", value: "FILE", help: "the configuration; gateway.yaml unless given", offers: .files)
    static let data = Verb.Flag(
        name: "data", value: "FOLDER", help: "the data folder, instead of reading it from the configuration", offers: .files)
    static let json = Verb.Flag(name: "json", help: "print JSON for programs")
    static let timeout = Verb.Flag(
        name: "timeout", value: "DURATION", help: "how long to wait, as 30s")
    static let yes = Verb.Flag(name: "yes", short: "y", help: "do it without asking")
}
