// The sentences for what can go wrong once a connection carries an exchange.
//
// Kind: pure.

enum ExchangeFault {
    static func closedBeforeUse(_ origin: HostPort) -> UpstreamFault {
        UpstreamFault(.closed, "the connection to \(origin) was closed while it was unused")
    }

    static func unwatchable(_ origin: HostPort, _ error: SystemError) -> UpstreamFault {
        UpstreamFault(.connect, "the connection to \(origin) cannot be watched: \(error)")
    }

    static func requestRefused(_ origin: HostPort) -> UpstreamFault {
        UpstreamFault(.closed, "\(origin) closed the connection before it took the whole request")
    }

    /// Which of the three below a deadline means that has passed.
    static func overdue(
        _ origin: HostPort, isSent: Bool, isAnswered: Bool, _ firstByteMilliseconds: Int, _ idleMilliseconds: Int
    ) -> UpstreamFault {
        if !isSent { return requestStalled(origin, milliseconds: idleMilliseconds) }
        return isAnswered
            ? silence(origin, milliseconds: idleMilliseconds) : noAnswer(origin, milliseconds: firstByteMilliseconds)
    }

    private static func requestStalled(_ origin: HostPort, milliseconds: Int) -> UpstreamFault {
        UpstreamFault(.timeoutIdle, "\(origin) took no more of the request for \(milliseconds) ms")
    }

    private static func noAnswer(_ origin: HostPort, milliseconds: Int) -> UpstreamFault {
        UpstreamFault(.timeoutFirstByte, "\(origin) did not begin to answer within \(milliseconds) ms")
    }

    private static func silence(_ origin: HostPort, milliseconds: Int) -> UpstreamFault {
        UpstreamFault(.timeoutIdle, "\(origin) fell silent in the middle of its answer for \(milliseconds) ms")
    }

    static func malformed(_ origin: HostPort, _ fault: HTTPFault) -> UpstreamFault {
        UpstreamFault(.malformed, "\(origin): \(fault.sentence)")
    }

    /// - Parameter failure: nil for a proper end of the connection.
    static func ended(_ origin: HostPort, _ failure: IOFailure?, after receivedBytes: Int) -> UpstreamFault {
        let way =
            switch failure {
            case nil: "closed the connection"
            case .some(let failure) where failure.isDisconnect: "broke the connection (\(failure))"
            case .some(let failure): "cannot be read from (\(failure))"
            }
        let time =
            receivedBytes == 0 ? "before it answered" : "in the middle of its answer, after \(receivedBytes) bytes"
        return UpstreamFault(.closed, "\(origin) \(way) \(time)")
    }
}
