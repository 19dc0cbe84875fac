// Gathers one request body: in the connection's input when its length is known and it is small
// enough, in a buffer of its own when it is chunked, in a file when it is large.
//
// It knows nothing of sockets: the connection hands it the input after each read and asks whether
// the body is complete.
//
// Invariants: 1. `accounted` bytes are reserved with the service until `finish`. 2. Bytes after the
// body stay in the input: they belong to the next request.
// Kind: loop-confined value.

struct BodyReceiver: ~Copyable {
    enum Progress {
        case needMore
        case complete
        case failed(GatewayError)
    }

    private enum Mode {
        case none
        /// In the input, contiguous: nothing is copied.
        case inPlace(length: Int)
        /// In the file; `remaining` bytes are still to come.
        case spooled(remaining: Int)
        /// Chunked, into `gathered` or, past the memory limit, into the file.
        case chunked
    }

    private let service: any ClientService
    private let settings: ClientSettings
    private var mode = Mode.none
    private var limit = 0
    private var decoder = ChunkedDecoder()
    private var gathered: ByteBuffer
    private var file: SpoolFile?
    private var accounted = 0
    /// Bytes of the input that the body takes up in place.
    private var inPlaceBytes = 0
    private var body = Bytes("")

    init(service: any ClientService, settings: ClientSettings, pool: BlockPool) {
        self.service = service
        self.settings = settings
        gathered = ByteBuffer(pool: pool)
    }

    /// Starts a body. - Parameter limit: largest body in bytes that is accepted.
    mutating func begin(_ framing: BodyFraming, limit: Int) -> GatewayError? {
        self.limit = limit
        switch framing {
        case .none, .untilClose:
            mode = .none
        case .length(let length):
            if length > UInt64(limit) { return Self.tooLarge(limit) }
            let length = Int(length)
            if length > settings.memoryBodyBytes {
                if let error = openFile() { return error }
                mode = .spooled(remaining: length)
            } else {
                if length > BlockPool.blockBytes, let error = reserve(length) { return error }
                mode = .inPlace(length: length)
            }
        case .chunked:
            decoder = ChunkedDecoder()
            mode = .chunked
        }
        return nil
    }

    /// Bytes of input that would complete an in-place body, so that the buffer grows once.
    func missing(_ input: borrowing ByteBuffer) -> Int {
        if case .inPlace(let length) = mode { return max(length - input.count, 0) }
        return 0
    }

    /// Looks at the input and takes from it what belongs to the body.
    mutating func advance(_ input: inout ByteBuffer) -> Progress {
        switch mode {
        case .none:
            body = Bytes("")
            return .complete
        case .inPlace(let length):
            guard input.count >= length else { return .needMore }
            body = input.readable.slice(0, length)
            inPlaceBytes = length
            return .complete
        case .spooled(let remaining):
            let part = min(remaining, input.count)
            if let error = spool(input.readable.slice(0, part)) { return .failed(error) }
            input.consume(part)
            mode = .spooled(remaining: remaining - part)
            return part == remaining ? finishFile() : .needMore
        case .chunked:
            return advanceChunked(&input)
        }
    }

    var complete: Bytes { body }

    /// Ends the body's life: gives memory and reservations back and takes the body off the input.
    mutating func finish(_ input: inout ByteBuffer) {
        if inPlaceBytes > 0 {
            input.consume(inPlaceBytes)
            inPlaceBytes = 0
        }
        gathered.release()
        file = nil
        if accounted > 0 {
            service.releaseBody(accounted)
            accounted = 0
        }
        body = Bytes("")
        mode = .none
    }

    private mutating func advanceChunked(_ input: inout ByteBuffer) -> Progress {
        var offset = 0
        defer { input.consume(offset) }
        while true {
            switch decoder.next(input.readable.buffer, from: &offset) {
            case .data(let range):
                if let error = gather(input.readable.slice(range.lowerBound, range.upperBound)) {
                    return .failed(error)
                }
            case .needMore:
                return .needMore
            case .end:
                if file != nil { return finishFile() }
                body = gathered.isEmpty ? Bytes("") : gathered.readable
                return .complete
            case .failed(let fault):
                return .failed(.client(Int(fault.status), "\(fault.sentence)", closes: true))
            }
        }
    }

    private mutating func gather(_ bytes: Bytes) -> GatewayError? {
        let total = (file?.count ?? gathered.count) + bytes.count
        if total > limit { return Self.tooLarge(limit) }
        if file != nil { return spool(bytes) }
        if total > settings.memoryBodyBytes {
            if let error = openFile() { return error }
            if let error = spool(gathered.readable) { return error }
            gathered.release()
            return spool(bytes)
        }
        if total > accounted, total > BlockPool.blockBytes, let error = reserve(max(total, accounted * 2) - accounted) {
            return error
        }
        gathered.append(bytes)
        return nil
    }

    private mutating func reserve(_ bytes: Int) -> GatewayError? {
        guard service.reserveBody(bytes) else {
            return GatewayError(
                source: .gateway, status: 529,
                message: "the gateway holds as many request bodies as limits.buffered_total allows; try again shortly",
                retryAfterSeconds: 1, closesConnection: true)
        }
        accounted += bytes
        return nil
    }

    private mutating func openFile() -> GatewayError? {
        do {
            file = try SpoolFile(directory: settings.spoolDirectory)
            return nil
        } catch {
            return Self.spoolFailed(error)
        }
    }

    private mutating func spool(_ bytes: Bytes) -> GatewayError? {
        do {
            try file!.append(bytes)
            return nil
        } catch {
            return Self.spoolFailed(error)
        }
    }

    private mutating func finishFile() -> Progress {
        do {
            body = try file!.map()
            return .complete
        } catch {
            return .failed(Self.spoolFailed(error))
        }
    }

    static func tooLarge(_ limit: Int) -> GatewayError {
        .client(413, "the request body is larger than the \(limit) bytes that this path accepts", closes: true)
    }

    private static func spoolFailed(_ error: SystemError) -> GatewayError {
        log.error("cannot spool a request body", .field("reason", "\(error)"))
        return GatewayError(
            source: .gateway, status: 500,
            message: "the gateway could not store this large request body; its log says why", closesConnection: true)
    }
}
