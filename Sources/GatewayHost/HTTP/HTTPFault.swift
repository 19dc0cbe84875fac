// What can be wrong with a message's frame.
//
// One case for each way of being refused. After any of them the length of the message is unknown or
// doubtful, so the connection is closed. `status` is the answer to a client; when the same fault is
// found in an answer of the upstream, the client gets 502 and the sentence goes to the log.
//
// Kind: value.

enum HTTPFault: UInt8, Error, Equatable, Sendable, CaseIterable {
    // lines
    case bareLineFeed, bareCarriageReturn, controlByte, headTooLarge
    // request line
    case malformedRequestLine, targetTooLong, badTarget, unsupportedMethod, malformedVersion
    case unsupportedVersion
    // status line
    case malformedStatusLine, unrequestedUpgrade
    // fields
    case fieldNameMissing, fieldNameInvalid, whitespaceBeforeColon, colonMissing, foldedLine
    case tooManyFields, tooManyConnectionOptions
    // framing and routing
    case hostMissing, hostRepeated, hostInvalid
    case contentLengthInvalid, contentLengthRepeated, contentLengthWithTransferEncoding
    case transferEncodingRepeated, transferEncodingUnknown, transferEncodingInHTTP10
    case expectationUnknown
    // chunked bodies
    case chunkSizeInvalid, chunkSizeTooLarge, chunkExtensionTooLong, chunkEndMissing
    case trailerInvalid, trailersTooLarge

    /// The status a client is answered with.
    var status: UInt16 {
        switch self {
        case .targetTooLong: 414
        case .headTooLarge, .tooManyFields, .tooManyConnectionOptions, .trailersTooLarge: 431
        case .expectationUnknown: 417
        case .unsupportedMethod, .transferEncodingUnknown: 501
        case .unsupportedVersion: 505
        default: 400
        }
    }

    /// What is wrong, as a sentence for the error body or the log.
    var sentence: StaticString {
        switch self {
        case .bareLineFeed: "A header line ends in LF without CR."
        case .bareCarriageReturn: "A header line contains a CR that is not followed by LF."
        case .controlByte: "A header line contains a control character."
        case .headTooLarge: "The header section is larger than this gateway accepts."
        case .malformedRequestLine:
            "The request line is not a method, one space, a target, one space and a version."
        case .targetTooLong: "The request target is longer than this gateway accepts."
        case .badTarget:
            "The request target is neither a path beginning with / nor an http or https URL, or it contains characters that a URL may not."
        case .unsupportedMethod: "This gateway does not implement the request method."
        case .malformedVersion: "The request line does not end in an HTTP version."
        case .unsupportedVersion: "This gateway speaks HTTP/1.1 and HTTP/1.0 only."
        case .malformedStatusLine: "The answer does not begin with an HTTP/1 status line."
        case .unrequestedUpgrade: "The answer switches protocols, which was not asked for."
        case .fieldNameMissing: "A header line has no name before its colon."
        case .fieldNameInvalid: "A header name contains a character that names may not contain."
        case .whitespaceBeforeColon: "A header line has whitespace between its name and the colon."
        case .colonMissing: "A header line has no colon."
        case .foldedLine:
            "A header line begins with whitespace; values folded over lines are not accepted."
        case .tooManyFields: "The header section has more lines than this gateway accepts."
        case .tooManyConnectionOptions: "The Connection header has more options than this gateway accepts."
        case .hostMissing: "An HTTP/1.1 request needs a Host header."
        case .hostRepeated: "The request has more than one Host header."
        case .hostInvalid: "The Host header is not a host name or address with an optional port."
        case .contentLengthInvalid: "The Content-Length header is not a plain decimal number."
        case .contentLengthRepeated: "The message has more than one Content-Length header."
        case .contentLengthWithTransferEncoding:
            "The message has both Content-Length and Transfer-Encoding headers."
        case .transferEncodingRepeated: "The message has more than one Transfer-Encoding header."
        case .transferEncodingUnknown: "The only transfer coding this gateway accepts is chunked."
        case .transferEncodingInHTTP10: "An HTTP/1.0 message cannot use Transfer-Encoding."
        case .expectationUnknown: "The only expectation this gateway meets is 100-continue."
        case .chunkSizeInvalid: "A chunk does not begin with its size in hexadecimal digits and CR LF."
        case .chunkSizeTooLarge: "A chunk announces a size that no body can have."
        case .chunkExtensionTooLong: "The chunk extensions are longer than this gateway accepts."
        case .chunkEndMissing: "A chunk is not followed by CR LF."
        case .trailerInvalid: "The trailer section after the body contains an invalid line."
        case .trailersTooLarge: "The trailer section after the body is larger than this gateway accepts."
        }
    }
}

/// What a head parser found.
enum HeadResult: Equatable {
    /// The head is not complete; call again with the same bytes and more behind them.
    case needMore
    /// The head is complete and takes this many bytes, the empty line included.
    case complete(headBytes: Int)
    /// The message must be refused and the connection closed.
    case failed(HTTPFault)
}

/// How the end of a body is known (RFC 9112 section 6.3).
enum BodyFraming: Equatable, Sendable {
    case none
    case length(UInt64)
    case chunked
    /// Answers only: the body lasts until the upstream closes the connection.
    case untilClose
}
