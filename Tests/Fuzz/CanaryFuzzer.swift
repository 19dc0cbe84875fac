// A fuzzer with a fault on purpose, to be seen to find it: an input that begins with "GW".

func fuzzCanary(_ data: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let data, count >= 2 else { return 0 }
    // Step by step, as coverage guides it there.
    if data[0] == UInt8(ascii: "G") {
        require(data[1] != UInt8(ascii: "W"), "the canary sings")
    }
    return 0
}
