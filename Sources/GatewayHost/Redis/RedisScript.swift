// A function that Redis runs for us, whole, between the commands of others.
//
// Kind: value; every script has a number, by which a client remembers under which name Redis knows it.

struct RedisScript: Sendable {
    let text: String
    /// Its place in `all`.
    fileprivate(set) var number = 0

    init(_ text: String) { self.text = text }

    /// Those that a client loads when it connects.
    struct Library: Sendable {
        let scripts: [RedisScript]

        init(_ scripts: [RedisScript]) {
            self.scripts = scripts.enumerated().map { index, script in
                var script = script
                script.number = index
                return script
            }
        }

        subscript(number: Int) -> RedisScript { scripts[number] }
    }
}

/// A call of a script: keys first, then whatever else it is told.
struct RedisScriptCall {
    let number: Int
    private let keyCount: Int
    private let wordCount: Int
    private var words: [[UInt8]] = []

    init(_ number: Int, keys: Int, words: Int) {
        self.number = number
        keyCount = keys
        wordCount = words
    }

    mutating func add(_ word: [UInt8]) { words.append(word) }
    mutating func add(_ word: Bytes) { words.append(Array(word.buffer)) }
    mutating func add(_ number: some BinaryInteger) { words.append(Array("\(number)".utf8)) }

    /// By the name that Redis gave it.
    func command(named name: [UInt8]) -> RedisCommand { command("EVALSHA", name) }

    /// With its text, for a Redis that has forgotten it.
    func command(_ script: RedisScript) -> RedisCommand { command("EVAL", Array(script.text.utf8)) }

    private func command(_ verb: StaticString, _ first: [UInt8]) -> RedisCommand {
        assert(words.count == keyCount + wordCount)
        var command = RedisCommand(verb, count: 2 + words.count)
        command.add(first)
        command.add(keyCount)
        for word in words { command.add(word) }
        return command
    }
}
