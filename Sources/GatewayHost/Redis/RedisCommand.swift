// A command as Redis reads it: an array of strings, each behind its length.
//
// Kind: value. Pure.
// Source: the RESP specification, "Sending commands to a Redis server".

struct RedisCommand {
    private(set) var bytes: [UInt8] = []

    /// - Parameter count: words that follow the name.
    init(_ name: StaticString, count: Int) {
        self.init(wordCount: count + 1)
        add(Bytes(name))
    }

    /// - Parameter wordCount: all words, the first of which is the name.
    init(wordCount: Int) {
        bytes.reserveCapacity(32 + 32 * wordCount)
        length(0x2a, wordCount)
    }

    /// The next word; absent is as good as empty.
    mutating func add(_ word: Bytes) {
        length(0x24, word.count)
        bytes.append(contentsOf: word.buffer)
        end()
    }

    mutating func add(_ word: [UInt8]) {
        length(0x24, word.count)
        bytes.append(contentsOf: word)
        end()
    }

    mutating func add(_ word: String) {
        length(0x24, word.utf8.count)
        bytes.append(contentsOf: word.utf8)
        end()
    }

    mutating func add(_ number: some BinaryInteger) {
        let (digits, first) = Self.digits(number)
        length(0x24, digits.count - first)
        append(digits, first)
        end()
    }

    private mutating func length(_ mark: UInt8, _ count: Int) {
        bytes.append(mark)
        let (digits, first) = Self.digits(count)
        append(digits, first)
        end()
    }

    private mutating func append(_ digits: InlineArray<20, UInt8>, _ first: Int) {
        for place in first..<20 { bytes.append(digits[place]) }
    }

    private mutating func end() {
        bytes.append(0x0d)
        bytes.append(0x0a)
    }

    /// Decimal digits at the end of the array, from `first` on.
    @inline(__always)
    private static func digits(_ number: some BinaryInteger) -> (InlineArray<20, UInt8>, first: Int) {
        var room = InlineArray<20, UInt8>(repeating: 0)
        var rest = UInt64(number.magnitude)
        var place = 20
        repeat {
            place -= 1
            room[place] = UInt8(0x30 + rest % 10)
            rest /= 10
        } while rest != 0
        if number < 0 {
            place -= 1
            room[place] = 0x2d
        }
        return (room, place)
    }
}
