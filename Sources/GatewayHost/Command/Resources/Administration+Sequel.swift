// Actions in two halves, with a person in between: a link is made, somebody opens it, and what they bring back is the
// input of the second.
//
// Kind: belongs to the main thread.

extension Administration {
    /// A slip of the finger is no reason to begin again; more of them are.
    private static let askLimit = 3

    func begin(
        _ action: ResourceActionDeclaration, _ then: ResourceActionSequel, _ second: ResourceActionDeclaration,
        _ resource: ResourceDeclaration, _ flags: (first: FieldFlags, second: FieldFlags), _ record: JSONValue, _ invocation: Invocation
    ) -> ExitCode {
        let target = path(resource, record)
        let name = Administration.spoken(record, resource)
        if flags.second.entries.contains(where: { invocation.has($0.name) || invocation.has($0.fileName) }) {
            return send("POST", "\(target):\(second.name)", second.fields, flags.second, invocation) { answer in
                invocation.tellOutcome(answer, of: name)
                return answer["ok"] == false ? .failed : .done
            }
        }
        return send("POST", "\(target):\(action.name)", action.fields, flags.first, invocation) { answer in
            guard !invocation.wantsJSON, invocation.terminal.isInteractive, let shown = answer.value(at: then.show)?.string else {
                invocation.tellOutcome(answer, of: name)
                return .done
            }
            invocation.terminal.out(invocation.paint(.bold, name))
            invocation.terminal.out("")
            // Alone on its line and whole, so that a terminal makes it one thing to click or to copy.
            invocation.terminal.out(DisplayWidth.printable(shown))
            invocation.terminal.out("")
            return bring(then, second, to: target, of: name, invocation)
        }
    }

    private func bring(
        _ then: ResourceActionSequel, _ second: ResourceActionDeclaration, to target: String, of name: String, _ invocation: Invocation
    ) -> ExitCode {
        let field = second.fields.first { $0.pointer == then.field }
        var question = field?.description ?? ""
        while question.hasSuffix(".") { question.removeLast() }
        for _ in 0..<Self.askLimit {
            guard let line = invocation.terminal.ask("\(question): ") else { break }
            let text = line.filter { !$0.isWhitespace }
            if text.isEmpty { continue }
            var document: JSONObject = [:]
            document.set(.string(text), at: JSONPointer.tokens(then.field)[...])
            let answer: AdministrationAnswer
            do throws(AdministrationFault) {
                answer = try client.call("POST", "\(target):\(second.name)", body: .object(document))
            } catch {
                return invocation.fail("\(error)")
            }
            if answer.isDone {
                settle()
                invocation.tellOutcome(answer.body ?? .object([:]), of: name)
                return answer.body?["ok"] == false ? .failed : .done
            }
            // What was brought is no good, and what it is for still stands.
            let code = invocation.fail(answer)
            guard answer.status == 422 else { return code }
        }
        return invocation.fail("nothing was brought back, and nothing is stored.")
    }
}
