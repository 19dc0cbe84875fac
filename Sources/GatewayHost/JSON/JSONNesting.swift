// Steps over one JSON object or array, in pieces of any size, sixty-four bytes at a time.
//
// Whether a byte is inside a string follows from the quotation marks before it that are not escaped:
// their running exclusive-or. Whether a mark is escaped follows from the length of the run of backslashes
// before it, which an addition finds (both from Langdale and Lemire, "Parsing Gigabytes of JSON per
// Second", 2019). Text without structure costs a quarter of an instruction a byte; nothing is looked at twice.
// The loop itself is in C, because only C can be compiled for two kinds of processor: json_skip.c.
//
// The shapes of brackets are not compared, and backslashes outside strings are not noticed: this steps over
// a value, it does not judge it.
//
// Kind: value. Invariant: the answer does not depend on how the bytes were split.

import CLinux

struct JSONNesting {
    enum Outcome: Equatable {
        /// All bytes lie inside the value.
        case inside
        /// The value ends before the position that was given back.
        case ended
        /// More brackets are open than the limit allows.
        case tooDeep
    }

    /// Brackets inside brackets; far above any real document.
    static let depthLimit = 512

    private var place = gwl_json_place()

    /// Steps on from `at`, the opening bracket at the first call, and moves it behind what was taken.
    @inline(__always)
    mutating func advance(_ base: UnsafePointer<UInt8>, _ at: inout Int, _ end: Int) -> Outcome {
        assert(at >= 0 && at <= end)
        let step = gwl_json_skip(&place, base, at, end, UInt32(Self.depthLimit))
        at = step.at
        switch step.outcome {
        case GWL_JSON_INSIDE: return .inside
        case GWL_JSON_ENDED: return .ended
        default: return .tooDeep
        }
    }
}
