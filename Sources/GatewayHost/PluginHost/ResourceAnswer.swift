// How `check` of a plugin answers: refuse, store, reveal.
//
// The object lives as long as its worker, so a plugin that keeps the pointer and calls too late is not heard, and
// nothing worse happens.
//
// Kind: loop-confined.

import PluginABI

final class ResourceAnswer {
    /// Faults that are kept of one check.
    private static let faultLimit = 32
    /// Of a document that a plugin hands in; the store has its own limit.
    private static let byteLimit = 1 << 20

    private let mailbox: LoopMailbox
    private var isOpen = false
    private var verdict = ResourceVerdict()

    init(_ mailbox: LoopMailbox) { self.mailbox = mailbox }

    /// What `ask`, a call of a plugin's check, answered.
    func answer(_ ask: () -> gw_error?) -> ResourceVerdict {
        verdict = ResourceVerdict()
        isOpen = true
        let error = ask()
        isOpen = false
        defer { verdict = ResourceVerdict() }
        switch error {
        case GW_OK?: break
        case let error?:
            if verdict.faults.isEmpty, verdict.failure == nil {
                verdict.faults = [.init(pointer: "", sentence: "the plugin refuses it: \(error.sentence)")]
            }
        case nil: verdict.failure = "the plugin that decides about it ran too long, or is in quarantine"
        }
        return verdict
    }

    var abi: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

    fileprivate static func at(_ pointer: UnsafeMutableRawPointer) -> ResourceAnswer? {
        let answer = Unmanaged<ResourceAnswer>.fromOpaque(pointer).takeUnretainedValue()
        return answer.mailbox.mayTouchLoop && answer.isOpen ? answer : nil
    }

    fileprivate func refuse(_ pointer: Bytes, _ sentence: Bytes) {
        guard verdict.faults.count < ResourceAnswer.faultLimit else { return }
        let text = sentence.isEmpty ? "is refused" : String(sentence.string.prefix(500))
        verdict.faults.append(.init(pointer: String(pointer.string.prefix(500)), sentence: text))
    }

    fileprivate func object(_ json: Bytes, _ function: String) -> JSONObject? {
        guard json.count <= ResourceAnswer.byteLimit, let value = try? JSONParser.parse(json), let object = value.object else {
            verdict.failure = "the plugin that decides about it gave \(function)() something that is no JSON object"
            return nil
        }
        return object
    }

    fileprivate func store(_ json: Bytes) { verdict.document = object(json, "store") ?? verdict.document }
    fileprivate func reveal(_ json: Bytes) { verdict.reveal = object(json, "reveal") ?? verdict.reveal }
}

func answerRefuse(_ answer: UnsafeMutableRawPointer, _ pointer: gw_str, _ sentence: gw_str) {
    ResourceAnswer.at(answer)?.refuse(Bytes(pointer), Bytes(sentence))
}

func answerStore(_ answer: UnsafeMutableRawPointer, _ json: gw_str) { ResourceAnswer.at(answer)?.store(Bytes(json)) }

func answerReveal(_ answer: UnsafeMutableRawPointer, _ json: gw_str) { ResourceAnswer.at(answer)?.reveal(Bytes(json)) }
