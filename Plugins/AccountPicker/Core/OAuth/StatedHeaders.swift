// The headers that a provider's accounts send beside the client's: put there for one attempt, and the client's own
// put back before the next, which may be another account's.
//
// A header that the client sends too is a list and goes on with the provider's value, unless that stands in it
// already: a client's beta must not get lost, because a field of its body may need it.
//
// Kind: value in the request's memory; views live as long as the request.

import PluginKit

struct StatedHeaders: BitwiseCopyable {
    private var provider: Unmanaged<OAuthProvider>?
    private var originals = InlineArray<4, gw_str>(repeating: gw_str())

    /// Nothing is left of an attempt before this one.
    var isEmpty: Bool { provider == nil }

    mutating func put(_ provider: OAuthProvider, _ request: Request) -> Bool {
        // The options of this generation outlive its requests.
        self.provider = .passUnretained(provider)
        for (index, header) in provider.headers.enumerated() {
            let isSet = header.name.withUnsafeBufferPointer { name in
                let original = request.header(Bytes(name))
                originals[index] = original.abi
                let value = Self.joined(original, header.value)
                return value.withUnsafeBufferPointer { request.setHeader(Bytes(name), Bytes($0)) }
            }
            guard isSet else { return false }
        }
        return true
    }

    mutating func takeBack(_ request: Request) {
        guard let provider = provider?.takeUnretainedValue() else { return }
        self.provider = nil
        for (index, header) in provider.headers.enumerated() {
            _ = header.name.withUnsafeBufferPointer { request.setHeader(Bytes($0), Bytes(originals[index])) }
        }
        request.setHeader("authorization", .absent)
    }

    static func joined(_ original: Bytes, _ value: [UInt8]) -> [UInt8] {
        guard !original.isEmpty else { return value }
        let list = original.string.split(separator: ",").map { String($0.drop { $0 == " " }) }
        var joined = Array(original.buffer)
        for element in String(decoding: value, as: UTF8.self).split(separator: ",") {
            let word = String(element.drop { $0 == " " })
            if !list.contains(word) { joined += Array(",\(word)".utf8) }
        }
        return joined
    }
}
