// Auth: who is asking, and may they?
//
// A client sends its key as `x-api-key` or as `Authorization: Bearer`; some send both with different
// values, and then the one that is ours counts. The key's record decides the rest: enabled, not
// expired, from this address (`onRequest`), this model (`onBody`, where the model is known). Whoever
// passes is named in gw.principal and gw.tenant for the plugins further in.
//
//     Auth         constant: the table of keys and their records
//     AuthWorker   confined: which keys this worker has seen before
//
// What is refused, how, and with which words is PRODUCT.md's table of the gateway's own errors: 401,
// 403 and 404, never the key itself.

import PluginKit

public final class Auth: Plugin {
    public static let about = PluginDescription(
        id: "gw.auth", version: "1.0.0", summary: "Lets in the API keys of its configuration",
        schema: AuthOptions.schema, failClosed: true)

    fileprivate let table: KeyTable
    fileprivate let records: [KeyRecord]
    fileprivate let principal: Attribute
    fileprivate let tenant: Attribute
    fileprivate let model: Attribute
    fileprivate let clientAddress: Attribute

    public init(_ instance: Instance) throws {
        let options = try AuthOptions(try instance.settings())
        table = withUnsafeTemporaryAllocation(byteCount: 32, alignment: 8) { pepper in
            instance.random(pepper)
            let bytes = UnsafeBufferPointer(pepper.assumingMemoryBound(to: UInt8.self))
            return KeyTable(capacity: options.keys.count, pepper: Bytes(bytes))
        }
        for key in options.keys {
            var existing = 0
            guard table.insert(key.digest, existing: &existing) != nil else {
                let other = options.keys[existing].settings.path
                throw key.settings.invalid("the same key as \(other)")
            }
        }
        records = options.keys.map(\.record)
        principal = instance.attribute(GW_ATTR_PRINCIPAL)
        tenant = instance.attribute(GW_ATTR_TENANT)
        model = instance.attribute(GW_ATTR_MODEL)
        clientAddress = instance.attribute(GW_ATTR_CLIENT_IP)
    }

    public func makeWorker(_ worker: WorkerScope) -> AuthWorker {
        var secret: (UInt64, UInt64) = (0, 0)
        withUnsafeMutableBytes(of: &secret) { worker.random($0) }
        return AuthWorker(self, secret: secret)
    }
}

public final class AuthWorker: RequestHook, BodyHook {
    /// What `onBody` has to know of the key that `onRequest` let in.
    private struct Admission: BitwiseCopyable {
        let index: Int
    }

    /// A key is 36 or 67 bytes; beyond this we do not hash for strangers.
    private static let keyLimit = 512

    private let auth: Auth
    private let table: KeyTable
    private let records: [KeyRecord]
    private let verified: VerifiedKeys

    fileprivate init(_ auth: Auth, secret: (UInt64, UInt64)) {
        self.auth = auth
        table = auth.table
        records = auth.records
        verified = VerifiedKeys(secret: secret)
    }

    public func onRequest(_ request: Request) -> Verdict {
        let apiKey = request.header("x-api-key")
        if let index = find(apiKey), records[index].isGood({ Self.now(request) }) {
            return admit(index, request)
        }
        let bearer = Self.bearer(request.header("authorization"))
        if let index = find(bearer), records[index].isGood({ Self.now(request) }) {
            return admit(index, request)
        }
        return refuse(request, apiKey: apiKey, bearer: bearer)
    }

    public func onBody(_ request: Request) -> Verdict {
        guard let admission = request.state(Admission.self) else { return .continue }
        let record = records[admission.pointee.index]
        let model = request.text(auth.model)
        if record.models.allow(model) { return .continue }
        if model.isAbsent {
            // A batch names its models one by one where we do not look, so a key with a rule about
            // models may read without naming one and do nothing else.
            guard !Self.isReading(request.header(":method")) else { return .continue }
            return request.refuse(
                Refusal(
                    .permission,
                    "this API key is limited to certain models and the request names none",
                    shouldRetry: false))
        }
        return request.refuse(
            Refusal(
                .notFound, "model: \(model.slice(0, min(model.count, 200)).string) is not available to this API key",
                shouldRetry: false))
    }

    // MARK: Private

    private func find(_ key: Bytes) -> Int? {
        guard key.count > 0, key.count <= Self.keyLimit else { return nil }
        return verified.find(key, in: table)
    }

    private static func now(_ request: Request) -> Timestamp {
        Timestamp(nanoseconds: request.clock(GW_CLOCK_WALL))
    }

    private func admit(_ index: Int, _ request: Request) -> Verdict {
        let record = records[index]
        guard record.addresses.isEmpty || record.allows(address: request.text(auth.clientAddress)) else {
            let address = request.text(auth.clientAddress)
            request.log(
                GW_LOG_INFO, "key '\(record.label)' refused: not from \(address.string)")
            return request.refuse(
                Refusal(
                    .permission, "this API key may not be used from \(address.string)",
                    shouldRetry: false))
        }
        record.name.withUnsafeBufferPointer {
            _ = request.set(auth.principal, text: Bytes($0))
        }
        record.tenant?.withUnsafeBufferPointer { _ = request.set(auth.tenant, text: Bytes($0)) }
        if !record.models.allowEverything { request.makeState(Admission(index: index)) }
        return .continue
    }

    private func refuse(_ request: Request, apiKey: Bytes, bearer: Bytes) -> Verdict {
        if let index = find(apiKey) ?? find(bearer), let refusal = records[index].refusal(now: { Self.now(request) }) {
            request.log(GW_LOG_INFO, "refused: \(refusal.message)")
            return request.refuse(refusal)
        }
        let message =
            apiKey.isEmpty && bearer.isEmpty
            ? "no API key: send one as x-api-key or as Authorization: Bearer"
            : "the API key is not known to this gateway"
        request.log(GW_LOG_INFO, "refused: \(message)")
        return request.refuse(Refusal(.authentication, message, shouldRetry: false))
    }

    /// The token of `Authorization: Bearer <token>` (RFC 6750 section 2.1), absent for anything else.
    private static func bearer(_ header: Bytes) -> Bytes {
        guard header.count > 7, header.slice(0, 7).equalsIgnoringCase("bearer ") else {
            return .absent
        }
        return header.slice(7, header.count).trimmed
    }

    private static func isReading(_ method: Bytes) -> Bool {
        method.equals("GET") || method.equals("HEAD") || method.equals("DELETE")
    }
}
