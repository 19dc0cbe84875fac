// The record of an account, changed by compare-and-set: what somebody else wrote meanwhile is read, and the change is
// made to that instead.
//
// Kind: confined to its worker; the last callback comes on it.

import PluginKit

struct GrantRecord {
    let store: RecordStore
    let id: String

    enum Ending {
        /// As it is stored now.
        case stored(JSON, revision: Int)
        /// The change was not wanted any more, of what is there now.
        case unwanted(JSON?)
        /// The store could not do it: in words.
        case failed(String)
    }

    /// Others change a record a few times; more is a loop.
    private static let triesLimit = 32

    /// - Parameters:
    ///   - document: as it was last seen; nil: it is read first.
    ///   - body: the document that shall be there; nil: nothing is changed.
    func change(
        _ request: Request, from document: JSON?, revision: Int, tries: Int = 0, _ body: @escaping (JSON) -> JSON?,
        _ done: @escaping (Request, Ending) -> Void
    ) {
        guard let document else { return read(request, tries, body, done) }
        guard let new = body(document) else { return done(request, .unwanted(document)) }
        let operation = id.withBytes { id in
            store.put(request, "accounts", id, new, expected: revision) { request, result in
                switch result.error {
                case GW_OK: done(request, .stored(new, revision: result.number))
                case GW_E_CONFLICT where tries < Self.triesLimit: read(request, tries + 1, body, done)
                default: done(request, .failed(Self.words(result)))
                }
                return .suspend
            }
        }
        if operation == nil { done(request, .failed("the gateway is stopping")) }
    }

    private func read(
        _ request: Request, _ tries: Int, _ body: @escaping (JSON) -> JSON?, _ done: @escaping (Request, Ending) -> Void
    ) {
        let operation = id.withBytes { id in
            store.get(request, "accounts", id) { request, result in
                if result.error == GW_E_ABSENT {
                    done(request, .unwanted(nil))
                } else if result.error == GW_OK, let document = try? JSON(parsing: result.bytes) {
                    change(request, from: document, revision: result.number, tries: tries, body, done)
                } else {
                    done(request, .failed(Self.words(result)))
                }
                return .suspend
            }
        }
        if operation == nil { done(request, .failed("the gateway is stopping")) }
    }

    private static func words(_ result: OperationResult) -> String {
        switch result.error {
        case GW_E_CONFLICT: "others change the record all the time"
        case GW_E_CANCELLED: "the gateway is stopping"
        default: result.bytes.isEmpty ? "the store cannot be reached" : result.bytes.string
        }
    }
}
