// The known word that somebody who wrote an unknown one probably meant.
//
// Kind: value. Pure.

enum SpellingSuggestion {
    /// The word of `known` nearest to `written`, if it is near enough to be worth naming: a third of
    /// the letters wrong, at least one; the beginning of the word; or a difference of case, dashes and
    /// underscores only.
    static func nearest(to written: String, in known: some Sequence<String>) -> String? {
        // Nobody's typing error is this long; the bound keeps a hostile file from costing time.
        guard written.utf8.count <= 64 else { return nil }
        var best: (word: String, distance: Int)?
        let plain = folded(written)
        for word in known where word.utf8.count <= 64 {
            let isBeginning = plain.count >= 3 && folded(word).starts(with: plain)
            let distance = isBeginning ? word.utf8.count - plain.count : self.distance(written, word)
            let isNear = isBeginning || distance <= max(1, max(written.utf8.count, word.utf8.count) / 3)
            if isNear, distance < best?.distance ?? .max {
                best = (word, distance)
            }
        }
        return best?.word
    }

    /// `Did you mean "chain"?`, or nil.
    static func question(for written: String, in known: some Sequence<String>) -> String? {
        nearest(to: written, in: known).map { "Did you mean \"\($0)\"?" }
    }

    /// Insertions, deletions, replacements and swaps of neighbours that lead from `a` to `b`.
    /// - Source: the restricted edit distance, Damerau 1964.
    static func distance(_ a: String, _ b: String) -> Int {
        let a = Array(a.utf8)
        let b = Array(b.utf8)
        guard !a.isEmpty, !b.isEmpty else { return max(a.count, b.count) }
        var beforeLast = [Int](repeating: 0, count: b.count + 1)
        var last = Array(0...b.count)
        for i in 1...a.count {
            var row = [i] + [Int](repeating: 0, count: b.count)
            for j in 1...b.count {
                let replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)
                row[j] = min(replaced, last[j] + 1, row[j - 1] + 1)
                if i > 1, j > 1, a[i - 1] == b[j - 2], a[i - 2] == b[j - 1] {
                    row[j] = min(row[j], beforeLast[j - 2] + 1)
                }
            }
            beforeLast = last
            last = row
        }
        return last[b.count]
    }

    private static func folded(_ word: String) -> [UInt8] {
        word.utf8.filter { $0 != 0x2d && $0 != 0x5f && $0 != 0x2e }.map {
            $0 >= 0x41 && $0 <= 0x5a ? $0 | 0x20 : $0
        }
    }
}
