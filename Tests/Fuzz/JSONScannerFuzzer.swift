// Fuzzes everything that reads JSON, against each other: the watcher agrees with the scanner, the
// parser with the validator, the scanner with the parser, and what is written reads back the same.

@testable import GatewayHost

private let watchedNames: [StaticString] = ["usage", "a", "", "model"]

private struct WatcherReading: Equatable {
    var values: [[UInt8]?]
    var isWhole: Bool

    init(_ pieces: [Piece], limit: Int) {
        var watcher = JSONFieldWatcher(watchedNames, valueBytesLimit: limit)
        for piece in pieces { watcher.feed(piece.bytes) }
        values = watchedNames.indices.map { watcher.withValue($0) { Array($0.buffer) } }
        isWhole = watcher.isWhole
    }
}

private func compareWatcherWithScanner(_ input: inout FuzzInput) {
    let limit = input.choose(4) == 0 ? 6 : 1 << 20
    let whole = WatcherReading(input.pieces([]), limit: limit)
    require(WatcherReading(input.cutting(), limit: limit) == whole, "a split changes nothing")
    let scanner = JSONScanner(input.bytes)
    var values: [[UInt8]?] = watchedNames.map { _ in nil }
    let isWhole = scanner.forEachTopLevelMember { key, value in
        for (place, name) in watchedNames.enumerated() where key.equals(name) {
            let bytes = scanner.bytes(value)
            values[place] = bytes.count <= limit ? Array(bytes.buffer) : nil
        }
    }
    require(isWhole == whole.isWhole, "watcher and scanner agree on what is a whole object")
    require(!isWhole || values == whole.values, "watcher and scanner find the same values")
}

private func compareParserWithValidator(_ text: Bytes) {
    let isValid = JSONValidator.isValid(text)
    var limits = JSONParser.Limits()
    limits.depth = JSONValidator.depthLimit
    let value: JSONValue
    do {
        value = try JSONParser.parse(text, limits: limits)
    } catch {
        require(!isValid || error.reason == .numberTooLarge, "the validator accepts what the parser refuses")
        require(error.offset <= text.count && error.line > 0 && error.column > 0, "the place of an error exists")
        return
    }
    require(isValid, "the parser accepts what the validator refuses")
    compareScannerWithTree(JSONScanner(text), value)
    for written in [value.compact, value.pretty] {
        written.withUnsafeBytes { raw in
            require(JSONValidator.isValid(Bytes(raw)), "what is written is JSON")
            require((try? JSONParser.parse(Bytes(raw), limits: limits)) == value, "what is written reads back")
        }
    }
}

private func compareScannerWithTree(_ scanner: JSONScanner, _ value: JSONValue) {
    guard let document = scanner.document() else { fatalError("the scanner finds no document where one is") }
    var count = 0
    switch value {
    case .object(let object):
        var seen: Set<[UInt8]> = []
        let isWhole = scanner.forEachMember(of: document) { key, span in
            var name: [UInt8] = []
            require(JSONString.decode(key.raw, into: &name), "a valid key decodes")
            seen.insert(name)
            if count < 4, let member = object[String(decoding: name, as: UTF8.self)] {
                // Only the last of equal members is in the tree; pointers find that one too.
                comparePointer(scanner, name, member)
            }
            count += 1
        }
        require(isWhole && seen.count >= object.count, "the scanner sees every member")
    case .array(let elements):
        let isWhole = scanner.forEachElement(of: document) { _, _ in count += 1 }
        require(isWhole && count == elements.count, "the scanner sees every element")
    default: break
    }
}

private func comparePointer(_ scanner: JSONScanner, _ name: [UInt8], _ member: JSONValue) {
    var pointer: [UInt8] = [0x2f]
    for byte in name {
        switch byte {
        case 0x7e: pointer += [0x7e, 0x30]
        case 0x2f: pointer += [0x7e, 0x31]
        default: pointer.append(byte)
        }
    }
    pointer.withUnsafeBytes { raw in
        guard let span = scanner.value(at: Bytes(raw)) else { fatalError("a pointer to a member finds it") }
        var limits = JSONParser.Limits()
        limits.depth = JSONValidator.depthLimit
        let found = try? JSONParser.parse(scanner.bytes(span), limits: limits)
        require(found == member, "pointer and tree name the same value")
    }
}

private func compareEscaping(_ text: Bytes) {
    var escaped: [UInt8] = [0x22]
    JSONString.appendEscaped(text, to: &escaped)
    escaped.append(0x22)
    escaped.withUnsafeBytes { raw in
        let whole = Bytes(raw)
        require(JSONValidator.isValid(whole), "any bytes escape to a valid string")
        var decoded: [UInt8] = []
        require(JSONString.decode(whole.slice(1, whole.count - 1), into: &decoded), "and it decodes")
        let repaired = String(decoding: text.buffer, as: UTF8.self)
        let isUTF8 = repaired.utf8.elementsEqual(text.buffer)
        require(!isUTF8 || decoded.elementsEqual(text.buffer), "text comes back as it was")
    }
    var ignored: [UInt8] = []
    _ = JSONString.decode(text, into: &ignored)
}

func fuzzJSONScanner(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    var input = FuzzInput(data, count)
    compareWatcherWithScanner(&input)
    let copy = Piece(input.bytes)
    compareParserWithValidator(copy.bytes)
    compareEscaping(copy.bytes)
    let request = MessagesRequest(copy.bytes)
    require(request.isObject == JSONScanner(copy.bytes).forEachTopLevelMember { _, _ in }, "one scan, one answer")
    return 0
}
