// Writes a message head into a buffer whose room was reserved at once.
//
// A head is two dozen small pieces; asking the buffer for room before each of them cost as much as
// copying them.
//
// Invariant: the pieces put do not exceed the bytes reserved.
// Kind: value on the stack of whoever writes.

import CLinux

struct HeadWriter {
    private var cursor: UnsafeMutablePointer<UInt8>
    private let limit: UnsafeMutablePointer<UInt8>

    /// Lends a writer with room for `bytes` bytes at the end of `buffer`.
    @inline(__always)
    static func write(to buffer: inout ByteBuffer, atMost bytes: Int, _ body: (inout HeadWriter) -> Void) {
        let room = buffer.room(atLeast: bytes)
        let start = room.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self)
        var writer = HeadWriter(cursor: start, limit: start + room.count)
        body(&writer)
        buffer.wrote(writer.cursor - start)
    }

    @inline(__always)
    mutating func put(_ bytes: Bytes) {
        assert(limit - cursor >= bytes.count)
        guard let base = bytes.base else { return }
        memcpy(cursor, base, bytes.count)
        cursor += bytes.count
    }

    @inline(__always)
    mutating func put(_ literal: StaticString) {
        assert(limit - cursor >= literal.utf8CodeUnitCount)
        memcpy(cursor, literal.utf8Start, literal.utf8CodeUnitCount)
        cursor += literal.utf8CodeUnitCount
    }

    /// `name: value` and CR LF.
    @inline(__always)
    mutating func putField(_ name: Bytes, _ value: Bytes) {
        put(name)
        cursor[0] = 0x3a
        cursor[1] = 0x20
        cursor += 2
        put(value)
        cursor[0] = 0x0d
        cursor[1] = 0x0a
        cursor += 2
    }

    /// The lines of these fields, of which those that follow each other in the message they came in are
    /// copied as one.
    ///
    /// - Parameter passes: whether a field is written; it may give it another value first.
    @inline(__always)
    mutating func putFields(_ headers: borrowing HeaderList, where passes: (inout HeaderField) -> Bool) {
        var run = Bytes.absent
        for index in 0..<headers.count {
            var field = headers[index]
            guard passes(&field) else { continue }
            guard field.isAsItCame else {
                putRun(&run)
                putField(field.name, field.value)
                continue
            }
            let line = field.line
            // Nothing but CR LF lies between the lines: the parser allows no other end.
            if let base = run.base, base + run.count + 2 == line.base {
                run.count &+= 2 &+ line.count
            } else {
                putRun(&run)
                run = line
            }
        }
        putRun(&run)
    }

    @inline(__always)
    private mutating func putRun(_ run: inout Bytes) {
        guard run.count > 0 else { return }
        put(run)
        cursor[0] = 0x0d
        cursor[1] = 0x0a
        cursor += 2
        run = .absent
    }

    @inline(__always)
    mutating func putField(_ nameAndColon: StaticString, _ value: Bytes) {
        put(nameAndColon)
        put(value)
        put("\r\n")
    }

    mutating func putField(_ nameAndColon: StaticString, _ value: Int) {
        put(nameAndColon)
        put(decimal: value)
        put("\r\n")
    }

    /// A number that is not negative; at most 19 digits.
    mutating func put(decimal number: Int) {
        assert(number >= 0 && limit - cursor >= 19)
        var digits = 1
        var rest = number / 10
        while rest > 0 {
            digits += 1
            rest /= 10
        }
        rest = number
        var place = digits
        while place > 0 {
            place -= 1
            cursor[place] = UInt8(truncatingIfNeeded: 0x30 + rest % 10)
            rest /= 10
        }
        cursor += digits
    }

    /// The status line.
    mutating func put(status: Int) {
        assert(limit - cursor >= StatusLine.bytesLimit)
        cursor += StatusLine.write(UInt16(status), to: cursor)
    }
}
