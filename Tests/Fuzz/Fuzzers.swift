// Every fuzzer under its name, in one program: GATEWAY_FUZZER names the one that a run is of.
//
// One program, because building the host for each fuzzer took longer than all of them ran.

import CLinux

/// What libFuzzer calls with each input. Returns 0: the input may go into the corpus.
typealias Fuzzer = @Sendable (UnsafePointer<UInt8>?, Int) -> CInt

private let fuzzers: [String: Fuzzer] = [
    "canary": fuzzCanary,
    "chunked": fuzzChunked,
    "event_stream": fuzzEventStream,
    "json_scanner": fuzzJSONScanner,
    "request_head": fuzzRequestHead,
    "response_head": fuzzResponseHead,
    "yaml": fuzzYAML,
]

private let chosen: Fuzzer = {
    let name = getenv("GATEWAY_FUZZER").map { String(cString: $0) } ?? ""
    guard let fuzzer = fuzzers[name] else {
        fatalError("GATEWAY_FUZZER is \"\(name)\"; it names one of \(fuzzers.keys.sorted().joined(separator: ", "))")
    }
    return fuzzer
}()

@c(LLVMFuzzerTestOneInput)
public func fuzzOne(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    chosen(data, count)
}
