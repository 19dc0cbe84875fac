import Testing

@testable import GatewayHost

@Suite struct TableTests {
    private let plain = Paint(isOn: false)

    @Test(arguments: [
        ("abc", 3), ("", 0), ("grün", 4), ("日本", 4), ("e\u{301}", 1), ("👩‍👩‍👧", 2), ("❤\u{fe0f}", 2), ("ｱ", 1), ("ﾊﾟ", 2), ("한글", 4),
    ])
    func aTextTakesItsColumns(text: String, width: Int) {
        #expect(DisplayWidth.of(text) == width)
    }

    @Test func textIsCutByColumns() {
        #expect(DisplayWidth.cut("abcdef", to: 6) == "abcdef")
        #expect(DisplayWidth.cut("abcdef", to: 5) == "abcd…")
        // A wide character that does not fit is left out whole.
        #expect(DisplayWidth.cut("日本語", to: 4) == "日…")
        #expect(DisplayWidth.cut("ab", to: 0) == "")
        for limit in 1...12 { #expect(DisplayWidth.of(DisplayWidth.cut("a日b本c語def", to: limit)) <= limit) }
    }

    @Test func whatATerminalObeysIsShownInstead() {
        #expect(DisplayWidth.printable("a\u{1b}[31mb\nc\td\u{202e}e") == "a\\u{1b}[31mb\\nc\\td\\u{202e}e")
        #expect(DisplayWidth.printable("Ümläut \"日本\"") == "Ümläut \"日本\"")
    }

    @Test func wordsAreWrapped() {
        #expect(DisplayWidth.wrap("one two three", to: 7) == ["one two", "three"])
        #expect(DisplayWidth.wrap("incomprehensibilities yes", to: 5) == ["incomprehensibilities", "yes"])
        #expect(DisplayWidth.wrap("", to: 5) == [""])
    }

    private var table: Table {
        Table(
            columns: [.init(title: "id", isWhole: true), .init(title: "name"), .init(title: "n", alignsRight: true)],
            rows: [["key_1", "日本 key", "7"], ["key_22", "a very long name of a key", "1000"]])
    }

    @Test func columnsAreAligned() {
        #expect(
            table.lines(width: nil, paint: plain) == [
                "ID      NAME                          N",
                "key_1   日本 key                      7",
                "key_22  a very long name of a key  1000",
            ])
    }

    @Test func aNarrowTerminalCutsTheWidestColumn() {
        #expect(
            table.lines(width: 30, paint: plain) == [
                "ID      NAME                 N",
                "key_1   日本 key             7",
                "key_22  a very long nam…  1000",
            ])
        // Ids stay whole, and a column never vanishes.
        for line in table.lines(width: 5, paint: plain).dropFirst() { #expect(line.hasPrefix("key_")) }
    }

    @Test func titlesGiveBeforeWhatStandsUnderThem() {
        let table = Table(
            columns: [.init(title: "a very long title"), .init(title: "name")], rows: [["1234567", "0123456789"]])
        #expect(table.lines(width: 20, paint: plain) == ["A VERY …  NAME", "1234567   0123456789"])
    }

    @Test func coloursTakeNoColumns() {
        var table = table
        table.rows[0][1] = Table.Cell("x", .good)
        let coloured = table.lines(width: 30, paint: Paint(isOn: true))
        #expect(coloured[1].contains("\u{1b}[32mx\u{1b}[0m"))
        let bare = coloured.map { $0.replacing(#/\u{1b}\[[0-9]*m/#, with: "") }
        #expect(bare == table.lines(width: 30, paint: plain))
    }

    @Test func aListingAlignsItsNames() {
        let listing = Listing(rows: [("name", "Test Key"), ("limits", "one two three four five six")])
        #expect(
            listing.lines(width: 26, paint: plain) == [
                "  name    Test Key", "  limits  one two three four", "          five six",
            ])
    }
}
