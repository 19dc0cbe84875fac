// Status lines and dates as they go on the wire.

import Testing

@testable import GatewayHost

@Suite struct WritingTests {
    @Test func statusLinesHaveNumberAndReason() {
        func line(_ status: UInt16) -> String {
            var room = [UInt8](repeating: 0, count: StatusLine.bytesLimit)
            let count = room.withUnsafeMutableBufferPointer { StatusLine.write(status, to: $0.baseAddress!) }
            return String(decoding: room[..<count], as: UTF8.self)
        }
        #expect(line(200) == "HTTP/1.1 200 OK\r\n")
        #expect(line(431) == "HTTP/1.1 431 Request Header Fields Too Large\r\n")
        #expect(line(529) == "HTTP/1.1 529 Overloaded\r\n")
        #expect(line(299) == "HTTP/1.1 299 \r\n")
        for status in UInt16(100)...999 { #expect(line(status).utf8.count <= StatusLine.bytesLimit) }
    }

    static let dates: [(Int64, String)] = [
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),  // RFC 9110 section 5.6.7
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
        (253_402_300_799, "Fri, 31 Dec 9999 23:59:59 GMT"),
        (Int64.max, "Fri, 31 Dec 9999 23:59:59 GMT"),
        (Int64.min, "Sat, 01 Jan 0000 00:00:00 GMT"),
    ]

    @Test(arguments: dates) func datesAreRFC9110(_ seconds: Int64, _ text: String) {
        var date = HTTPDate()
        for _ in 0..<2 {
            var room = [UInt8](repeating: 0, count: HTTPDate.byteCount)
            room.withUnsafeMutableBufferPointer { date.write(seconds, to: $0.baseAddress!) }
            #expect(String(decoding: room, as: UTF8.self) == text)
        }
    }
}
