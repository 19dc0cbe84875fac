// Auth: who is asking, and may they?
//
// A client sends its key as `x-api-key` or as `Authorization: Bearer`; some send both with different
// values, and then the one that is ours counts. The key's record decides the rest: enabled, not
// expired, from this address (`onRequest`), this model (`onBody`, where the model is known). Whoever
// passes is named in gw.principal and gw.tenant for the plugins further in.
//
//     Auth         constant: keys of the configuration, what services there are
//     AuthWorker   confined: every key (KeyDirectory), kept current by the host's records
//
// What is refused, how, and with which words is PRODUCT.md's table of the gateway's own errors: 401,
// 403 and 404, never the key itself.

import PluginKit

public final class Auth: Plugin, FixedRecords {
    public static let about = PluginDescription(
        id: "gw.auth", version: "1.1.0", summary: "Lets in API keys, fixed ones and managed ones",
        schema: AuthOptions.schema, failClosed: true, resources: AuthResources.declaration)

    let records: RecordStore?
    let keyPrefix: String
    let fixedNames: Set<String>
    private let instance: Instance
    private let keys: [AuthOptions.Key]
    private let pepper: [UInt8]
    fileprivate let principal: Attribute
    fileprivate let tenant: Attribute
    fileprivate let model: Attribute
    fileprivate let clientAddress: Attribute
    fileprivate let limits: Attribute
    fileprivate let accounts: Attribute
    fileprivate let clientGone: Attribute

    public init(_ instance: Instance) throws {
        self.instance = instance
        let options = try AuthOptions(try instance.settings())
        keys = options.keys
        keyPrefix = options.keyPrefix
        fixedNames = Set(options.keys.map(\.record.label))
        var places: [String: String] = [:]
        for key in options.keys {
            if let other = places.updateValue(key.settings.path, forKey: key.digest.hexadecimal) {
                throw key.settings.invalid("the same key as \(other)")
            }
        }
        // A host without records has keys of the configuration only, and nothing that must be found again.
        records = try? instance.records()
        pepper = try records?.derive(instance, "api-keys") ?? Auth.randomBytes(instance)
        principal = instance.attribute(GW_ATTR_PRINCIPAL)
        tenant = instance.attribute(GW_ATTR_TENANT)
        model = instance.attribute(GW_ATTR_MODEL)
        clientAddress = instance.attribute(GW_ATTR_CLIENT_IP)
        limits = instance.attribute(GW_ATTR_LIMITS)
        accounts = instance.attribute(GW_ATTR_ACCOUNTS)
        clientGone = instance.attribute(GW_ATTR_CLIENT_GONE)
    }

    private static func randomBytes(_ instance: Instance) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 32)
        bytes.withUnsafeMutableBytes { instance.random($0) }
        return bytes
    }

    func random(_ buffer: UnsafeMutableRawBufferPointer) { instance.random(buffer) }

    public func makeWorker(_ worker: WorkerScope) throws -> AuthWorker {
        var secret: (UInt64, UInt64) = (0, 0)
        withUnsafeMutableBytes(of: &secret) { worker.random($0) }
        let directory = pepper.withUnsafeBufferPointer { KeyDirectory(pepper: Bytes($0), secret: secret) }
        for key in keys { _ = directory.addFixed(key.digest, key.record) }
        let background = worker.background
        try records?.watch(worker, "keys") { record in
            let id = record.id.string
            if record.isGone { return directory.remove(id) }
            do {
                if directory.set(id, try KeyEntry(record, tag: directory.tag)) { return }
                background.log(GW_LOG_WARN, "the key \(id) is one that another record or the configuration has already")
            } catch {
                directory.remove(id)
                background.log(GW_LOG_ERROR, "the key \(id) is not let in: \(error)")
            }
        }
        let tenants = TenantLimits()
        try records?.watch(worker, "tenants") { record in
            do {
                try tenants.set(record.id.string, record.isGone ? nil : try record.settings())
            } catch {
                background.log(GW_LOG_ERROR, "the limits of the tenant \(record.id.string) do not hold: \(error)")
            }
        }
        return AuthWorker(self, directory, tenants)
    }

    public func fixedRecords(of resource: Bytes) -> [JSON] {
        guard resource.equals("keys") else { return [] }
        return keys.map {
            $0.settings.value.setting("key", nil).setting("key_hash", nil).setting("id", .text($0.record.label))
        }
    }
}

public final class AuthWorker: RequestHook, BodyHook {
    /// What `onBody` has to know of the key that `onRequest` let in.
    private struct Admission: BitwiseCopyable {
        let row: Int
        let version: UInt32
    }

    /// A key is 36 or 67 bytes; beyond this we do not hash for strangers.
    private static let keyLimit = 512

    let auth: Auth
    let directory: KeyDirectory
    private let tenants: TenantLimits

    fileprivate init(_ auth: Auth, _ directory: KeyDirectory, _ tenants: TenantLimits) {
        self.auth = auth
        self.directory = directory
        self.tenants = tenants
    }

    public func onRequest(_ request: Request) -> Verdict {
        let apiKey = request.header("x-api-key")
        if let place = find(apiKey), isGood(place, request) { return admit(place, request) }
        let bearer = Self.bearer(request.header("authorization"))
        if let place = find(bearer), isGood(place, request) { return admit(place, request) }
        return refuse(request, apiKey: apiKey, bearer: bearer)
    }

    public func onBody(_ request: Request) -> Verdict {
        guard let admission = request.state(Admission.self) else { return .continue }
        guard directory.version(admission.pointee.row) == admission.pointee.version else {
            // It was deleted since the head arrived, and with it its rule.
            return request.refuse(Refusal(.authentication, "the API key is not known to this gateway", shouldRetry: false))
        }
        let model = request.text(auth.model)
        if directory.withRecord(admission.pointee.row, { $0.models.allow(model) }) { return .continue }
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

    @inline(__always)
    private func find(_ key: Bytes) -> KeyPlace? {
        guard key.count > 0, key.count <= Self.keyLimit else { return nil }
        return directory.find(key)
    }

    @inline(__always)
    private func isGood(_ place: KeyPlace, _ request: Request) -> Bool {
        directory.withRecord(place.row) { record in
            place.isPrevious
                ? record.isPreviousGood { Self.now(request) } : record.isGood { Self.now(request) }
        }
    }

    private static func now(_ request: Request) -> Timestamp {
        Timestamp(nanoseconds: request.clock(GW_CLOCK_WALL))
    }

    @inline(__always)
    private func admit(_ place: KeyPlace, _ request: Request) -> Verdict {
        directory.withRecord(place.row) { admit($0, place, request) }
    }

    private func admit(_ record: KeyRecord, _ place: KeyPlace, _ request: Request) -> Verdict {
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
        if let terms = record.terms { say(terms, request) }
        if !tenants.isEmpty, let tenant = record.tenant, let limits = tenants[tenant] { add(limits, of: record, request) }
        if record.models.allowEverything {
            request.unsubscribe(GW_ON_BODY)
        } else {
            request.makeState(Admission(row: place.row, version: directory.version(place.row)))
        }
        return .continue
    }

    /// What the key's owner agreed to, for those who act upon it.
    private func say(_ terms: KeyTerms, _ request: Request) {
        terms.limits?.withUnsafeBufferPointer { _ = request.set(auth.limits, text: Bytes($0)) }
        terms.accounts?.withUnsafeBufferPointer { _ = request.set(auth.accounts, text: Bytes($0)) }
        terms.clientGone?.withUnsafeBufferPointer { _ = request.set(auth.clientGone, text: Bytes($0)) }
    }

    /// The tenant's limits behind the key's own.
    private func add(_ limits: [UInt8], of record: KeyRecord, _ request: Request) {
        let own = record.terms?.limits ?? Array("0 0 0 ".utf8) + record.name
        (own + [0x0a] + limits).withUnsafeBufferPointer { _ = request.set(auth.limits, text: Bytes($0)) }
    }

    private func refuse(_ request: Request, apiKey: Bytes, bearer: Bytes) -> Verdict {
        if let place = find(apiKey) ?? find(bearer),
            let refusal = directory.withRecord(
                place.row, { $0.refusal(isPrevious: place.isPrevious) { Self.now(request) } })
        {
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
