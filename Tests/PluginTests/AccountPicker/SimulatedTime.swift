// Chance and time of a simulation: numbers that a seed repeats, and what happens when.

/// SplitMix64 (Steele, Lea and Flood): the same numbers for the same seed on every machine.
struct Chance {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func below64(_ limit: UInt64) -> UInt64 { limit == 0 ? 0 : next() % limit }
    mutating func below(_ limit: Int) -> Int { Int(below64(UInt64(limit))) }
}

/// What happens when, the earliest first; equal times in the order in which they were added.
struct Agenda<Event> {
    private var heap: [(time: UInt64, number: Int, event: Event)] = []
    private var number = 0

    private func isBefore(_ a: Int, _ b: Int) -> Bool {
        (heap[a].time, heap[a].number) < (heap[b].time, heap[b].number)
    }

    mutating func add(_ time: UInt64, _ event: Event) {
        number += 1
        heap.append((time, number, event))
        var place = heap.count - 1
        while place > 0, isBefore(place, (place - 1) / 2) {
            heap.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    mutating func next() -> (UInt64, Event)? {
        guard let first = heap.first else { return nil }
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        var place = 0
        while true {
            let left = 2 * place + 1
            guard left < heap.count else { break }
            let child = left + 1 < heap.count && isBefore(left + 1, left) ? left + 1 : left
            guard isBefore(child, place) else { break }
            heap.swapAt(child, place)
            place = child
        }
        return (first.time, first.event)
    }
}
