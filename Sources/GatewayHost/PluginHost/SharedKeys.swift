// gw.kv/1 over Redis, on one loop: the same answers as KeyValueStore gives, and other gateways see them.
//
// Kind: loop-confined.

import PluginABI

final class SharedKeys {
    private let client: RedisClient
    private let settings: SharedStoreSettings
    private let operations: OperationTable

    init(_ client: RedisClient, _ settings: SharedStoreSettings, _ operations: OperationTable) {
        self.client = client
        self.settings = settings
        self.operations = operations
    }

    func get(_ operation: gw_op, _ instance: String, _ key: Bytes) {
        ask(SharedKeyQuestion.get(name(instance, key)), operation, .get)
    }

    func set(_ operation: gw_op, _ instance: String, _ key: Bytes, _ value: Bytes, milliseconds: UInt32) {
        ask(SharedKeyQuestion.set(name(instance, key), value, milliseconds), operation, .set)
    }

    func add(_ operation: gw_op, _ instance: String, _ key: Bytes, _ delta: Int64, milliseconds: UInt32) {
        ask(SharedKeyQuestion.add(name(instance, key), delta, milliseconds), operation, .add)
    }

    func swap(
        _ operation: gw_op, _ instance: String, _ key: Bytes, expected: Bytes, _ value: Bytes, milliseconds: UInt32
    ) {
        ask(SharedKeyQuestion.swap(name(instance, key), expected, value, milliseconds), operation, .swap)
    }

    private func name(_ instance: String, _ key: Bytes) -> [UInt8] { settings.key(instance, "k", key) }

    private func ask(_ command: RedisCommand, _ operation: gw_op, _ kind: SharedKeyQuestion) {
        told(client.ask(command, SharedKeyAnswer(operations, operation, kind)), operation)
    }

    private func ask(_ call: RedisScriptCall, _ operation: gw_op, _ kind: SharedKeyQuestion) {
        told(client.ask(call, SharedKeyAnswer(operations, operation, kind)), operation)
    }

    private func told(_ fault: RedisFault?, _ operation: gw_op) {
        if fault != nil { operations.finish(operation: operation, GW_E_UNAVAILABLE) }
    }
}

/// Tells an operation what Redis answered. One that is over by then hears nothing.
private final class SharedKeyAnswer: RedisAsker {
    private unowned(unsafe) let operations: OperationTable
    private let operation: gw_op
    private let kind: SharedKeyQuestion

    init(_ operations: OperationTable, _ operation: gw_op, _ kind: SharedKeyQuestion) {
        self.operations = operations
        self.operation = operation
        self.kind = kind
    }

    func redisAnswered(_ reply: RedisReply) {
        let (error, number, bytes) = kind.read(reply)
        operations.finish(operation: operation, error, number: number, bytes: bytes)
    }

    func redisFailed(_ fault: RedisFault) {
        operations.finish(operation: operation, fault == .timeout ? GW_E_TIMEOUT : GW_E_UNAVAILABLE)
    }
}
