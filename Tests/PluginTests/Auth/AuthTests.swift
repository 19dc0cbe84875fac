// What a client of Auth sees, and what the plugins behind it learn.

import PluginKit
import Testing

@testable import AuthCore

@Suite struct AuthTests {
    private func host(_ keys: String) throws -> FakeHost {
        try FakeHost(Auth.self, "{\"keys\":[\(keys)]}")
    }
    private let laptop = #"{"name":"laptop","key":"cr_laptop","tenant":"home"}"#

    @Test(arguments: [
        ("x-api-key", "cr_laptop"), ("authorization", "Bearer cr_laptop"),
        ("Authorization", "bearer  cr_laptop "),
    ])
    func bothHeadersCarryAKey(name: String, value: String) throws {
        let host = try host(laptop)
        for _ in 0..<2 {  // the second time from the worker's memory
            let exchange = host.exchange([(name, value)])
            #expect(exchange.onRequest() == .continue)
            #expect(exchange.attribute(GW_ATTR_PRINCIPAL) == "laptop")
            #expect(exchange.attribute(GW_ATTR_TENANT) == "home")
            exchange.complete()
        }
    }

    @Test func ofTwoKeysTheOneThatIsOursCounts() throws {
        let host = try host(laptop)
        let first = host.exchange([("x-api-key", "other"), ("authorization", "Bearer cr_laptop")])
        #expect(first.onRequest() == .continue)
        let second = host.exchange([("x-api-key", "cr_laptop"), ("authorization", "Bearer other")])
        #expect(second.onRequest() == .continue)
    }

    @Test func ofTwoKnownKeysTheOneThatIsGoodCounts() throws {
        let host = try host(laptop + #",{"name":"old","key":"cr_old","enabled":false}"#)
        let exchange = host.exchange([
            ("x-api-key", "cr_old"), ("authorization", "Bearer cr_laptop"),
        ])
        #expect(exchange.onRequest() == .continue)
        #expect(exchange.attribute(GW_ATTR_PRINCIPAL) == "laptop")
    }

    @Test func aHashInTheConfigurationIsAsGoodAsTheKey() throws {
        let digest = SHA256.digest(of: "cr_laptop").hexadecimal
        for spelling in [digest, "sha256:" + digest.uppercased()] {
            let host = try host(#"{"name":"laptop","key_hash":"\#(spelling)"}"#)
            #expect(host.exchange([("x-api-key", "cr_laptop")]).onRequest() == .continue)
            #expect(host.exchange([("x-api-key", digest)]).onRequest() == .respond)
        }
    }

    @Test(arguments: [
        ([], "no API key: send one as x-api-key or as Authorization: Bearer"),
        ([("authorization", "Basic abc")], "no API key: send one as x-api-key or as Authorization: Bearer"),
        ([("x-api-key", "cr_lapto")], "the API key is not known to this gateway"),
        ([("x-api-key", "cr_laptop2")], "the API key is not known to this gateway"),
        ([("x-api-key", "cr_off")], "the API key 'off' is disabled"),
        ([("x-api-key", "cr_past")], "the API key 'past' expired at 2026-03-01T11:00:00Z"),
    ])
    func refusalsSayWhyAndThatTryingAgainIsUseless(headers: [(String, String)], message: String)
        throws
    {
        let host = try host(
            laptop + #","#
                + #"{"name":"off","key":"cr_off","enabled":false},"#
                + #"{"name":"past","key":"cr_past","expires":"2026-03-01T12:00:00+01:00"}"#)
        let exchange = host.exchange(headers)
        #expect(exchange.onRequest() == .respond)
        let response = try #require(exchange.response)
        #expect(response.status == 401)
        #expect(response.headers["x-should-retry"] == "false")
        #expect(response.headers["content-type"] == "application/json")
        #expect(
            response.body
                == #"{"type":"error","error":{"type":"authentication_error","message":"\#(message)"}}"#)
        #expect(exchange.attribute(GW_ATTR_PRINCIPAL) == nil)
        #expect(host.logs.allSatisfy { !$0.text.contains("cr_") })
    }

    @Test func aKeyExpiresInTheSecondItIsSaidTo() throws {
        let host = try host(#"{"name":"k","key":"cr_k","expires":"2026-03-01T12:00:10Z"}"#)
        host.clock.advance(milliseconds: 9_999)
        #expect(host.exchange([("x-api-key", "cr_k")]).onRequest() == .continue)
        host.clock.advance(milliseconds: 1)
        #expect(host.exchange([("x-api-key", "cr_k")]).onRequest() == .respond)
    }

    @Test(arguments: [
        ("10.1.2.3", true), ("::ffff:10.1.2.3", true), ("11.1.2.3", false),
        ("2001:db8::7", true), ("2001:db9::7", false), ("192.168.7.9", true),
        ("192.168.7.8", false), ("", false), ("nonsense", false),
    ])
    func aKeyMayBeTiedToAddresses(address: String, isAllowed: Bool) throws {
        let host = try host(
            #"{"name":"k","key":"cr_k","addresses":["10.0.0.0/8","2001:db8::/32","192.168.7.9"]}"#)
        let exchange = host.exchange(
            [("x-api-key", "cr_k")], attributes: [GW_ATTR_CLIENT_IP: address])
        #expect((exchange.onRequest() == .continue) == isAllowed)
        if !isAllowed {
            #expect(exchange.response?.status == 403)
            #expect(exchange.response?.body.contains("permission_error") == true)
        }
    }

    @Test(arguments: [
        ("claude-haiku-4-5", true), ("claude-haiku-", true), ("claude-opus-5-5", true),
        ("claude-opus-5-5-x", false), ("claude-sonnet-5-5", false),
    ])
    func aKeyMayBeTiedToModels(model: String, isAllowed: Bool) throws {
        let host = try host(
            #"{"name":"k","key":"cr_k","models":["claude-haiku-*","claude-opus-5-5"]}"#)
        let exchange = host.exchange([("x-api-key", "cr_k")], attributes: [GW_ATTR_MODEL: model])
        #expect(exchange.onRequest() == .continue)
        #expect((exchange.onBody() == .continue) == isAllowed)
        if !isAllowed {
            #expect(exchange.response?.status == 404)
            #expect(exchange.response?.body.contains("not_found_error") == true)
            #expect(exchange.response?.body.contains(model) == true)
        }
    }

    @Test func aKeyTiedToModelsReadsWithoutNamingOneAndDoesNothingElse() throws {
        let host = try host(#"{"name":"k","key":"cr_k","models":["claude-haiku-*"]}"#)
        let list = host.exchange([("x-api-key", "cr_k")], method: "GET", path: "/v1/models")
        #expect(list.onRequest() == .continue)
        #expect(list.onBody() == .continue)
        let batch = host.exchange([("x-api-key", "cr_k")], path: "/v1/messages/batches")
        #expect(batch.onRequest() == .continue)
        #expect(batch.onBody() == .respond)
        #expect(batch.response?.status == 403)
    }

    @Test(arguments: [
        (#"{"name":"a","key":""}"#, "/keys/0/key: the key is empty"),
        (#"{"name":"a"}"#, "/keys/0: one of 'key' and 'key_hash'"),
        (#"{"name":"a","key":"x"},{"name":"b","key":"x"}"#, "/keys/1: the same key as /keys/0"),
        (#"{"name":"a","key_hash":"12"}"#, "/keys/0/key_hash: 64 hexadecimal digits"),
        (#"{"name":"a","key":"x","expires":"tomorrow"}"#, "/keys/0/expires: a time like"),
        (#"{"name":"a","key":"x","addresses":["10.0.0.0/33"]}"#, "/keys/0/addresses/0: an address"),
        (#"{"name":"a","key":"x","models":["a*b"]}"#, "/keys/0/models/0: '*' may only end"),
    ])
    func aBadConfigurationIsRefusedWithItsPlace(keys: String, reason: String) {
        do {
            _ = try host(keys)
            Issue.record("accepted")
        } catch { #expect("\(error)".hasPrefix(reason)) }
    }

    @Test func amongManyKeysEachIsFound() throws {
        let keys = (0..<2000).map { #"{"name":"n\#($0)","key":"cr_\#($0)"}"# }
        let host = try host(keys.joined(separator: ","))
        for number in stride(from: 0, to: 2000, by: 97) {
            let exchange = host.exchange([("x-api-key", "cr_\(number)")])
            #expect(exchange.onRequest() == .continue)
            #expect(exchange.attribute(GW_ATTR_PRINCIPAL) == "n\(number)")
        }
        #expect(host.exchange([("x-api-key", "cr_2000")]).onRequest() == .respond)
    }

    @Test func theTableSubscribesToTwoHooksAndFailsClosed() throws {
        let table = try host(laptop).table.pointee
        #expect(table.flags == GW_PLUGIN_FAIL_CLOSED)
        #expect(table.on_request != nil && table.on_body != nil)
        #expect(table.on_select == nil && table.on_chunk == nil && table.on_complete == nil)
        #expect(table.query?(GW_ADMIN) != nil && table.query?(GW_STATE) == nil)
    }
}
