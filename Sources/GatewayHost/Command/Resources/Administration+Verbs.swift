// What the verbs of resources do: ask the admin interface, and show the answer.
//
// Kind: belongs to the main thread.

import CLinux

extension Administration {
    func list(_ resource: ResourceDeclaration, _ limit: Int, _ invocation: Invocation) -> ExitCode {
        var records: [JSONValue] = []
        var next = invocation["after"]
        let wanted = invocation.has("all") ? Int.max : limit
        do throws(RecordFinder.Fault) {
            repeat {
                let page = try finder.page(
                    of: resource, search: invocation["search"], after: next, limit: min(500, wanted - records.count))
                records += page.records
                next = page.next
                if records.count >= 5000 { invocation.terminal.progress("\(records.count) \(resource.name)") }
            } while next != nil && records.count < wanted
        } catch {
            return invocation.fail(error)
        }
        invocation.terminal.progress(nil)
        let columns = liveColumns(of: resource, &records, invocation)
        if invocation.wantsJSON {
            invocation.printJSON(["data": .array(records), "next_cursor": next.map { .string($0) } ?? .null])
            return .done
        }
        let text = FieldText(labels: finder.labels(for: resource, resource.columns))
        if records.isEmpty {
            invocation.terminal.problem("no \(resource.name)")
            return .done
        }
        resource.table(records, text, live: columns).lines(width: invocation.terminal.width, paint: invocation.paint)
            .forEach(invocation.terminal.out)
        if let next {
            invocation.terminal.problem("there are more: --all, or --after \(next)")
        }
        return .done
    }

    /// Adds to records what the serving gateway knows of them, as `live`, and tells what of it is worth columns. Without a
    /// serving gateway there is nothing to know, and a list is a list.
    private func liveColumns(of resource: ResourceDeclaration, _ records: inout [JSONValue], _ invocation: Invocation) -> [String] {
        guard let action = resource.actions.first(where: { !$0.listColumns.isEmpty }), !records.isEmpty,
            let client = try? serving(),
            let answer = try? client.call("POST", "/admin/v1/\(resource.name):\(action.name)", body: .object([:])), answer.isDone,
            let known = answer.body?[resource.name]?.array
        else { return [] }
        var byID: [String: JSONValue] = [:]
        for entry in known { if let id = entry["id"]?.string { byID[id] = entry } }
        for place in records.indices {
            guard var record = records[place].object, let id = records[place]["id"]?.string, let entry = byID[id] else { continue }
            record["live"] = .object(JSONObject(action.listColumns.map { ($0, entry[$0] ?? .null) }))
            records[place] = .object(record)
        }
        return action.listColumns
    }

    func create(_ resource: ResourceDeclaration, _ flags: FieldFlags, _ invocation: Invocation) -> ExitCode {
        send("POST", "/admin/v1/\(resource.name)", resource.fields, flags, invocation) { record in
            invocation.tell("created", record, resource)
        }
    }

    func update(
        _ resource: ResourceDeclaration, _ flags: FieldFlags, _ record: JSONValue, _ invocation: Invocation
    ) -> ExitCode {
        var revision: Int64?
        if let text = invocation["revision"] {
            guard let number = Int64(text), number > 0 else {
                return invocation.fail(
                    "--revision \(ConfigFault.printable(text, limit: 30)) is no revision. Write the number that show prints.", .usage)
            }
            revision = number
        }
        return send("PATCH", path(resource, record), resource.fields, flags, revision: revision, invocation) { changed in
            invocation.tell(
                changed["revision"] == record["revision"] ? "unchanged" : "updated", changed, resource)
        }
    }

    func delete(_ resource: ResourceDeclaration, _ record: JSONValue, _ invocation: Invocation) -> ExitCode {
        let name = Administration.spoken(record, resource)
        if !invocation.has("yes") {
            guard let confirmed = invocation.confirms("Delete \(resource.singular) \(name)?") else {
                return invocation.fail("there is nobody to ask whether \(resource.singular) \(name) shall go. Add --yes.", .usage)
            }
            guard confirmed else {
                invocation.terminal.problem("nothing is deleted")
                return .failed
            }
        }
        do throws(AdministrationFault) {
            let answer = try client.call("DELETE", path(resource, record))
            guard answer.isDone else { return invocation.fail(answer) }
            settle()
        } catch {
            return invocation.fail("\(error)")
        }
        if invocation.wantsJSON {
            invocation.printJSON(["deleted": record["id"] ?? .null])
        } else {
            invocation.terminal.out("deleted: \(resource.singular) \(name)")
        }
        return .done
    }

    func act(
        _ action: ResourceActionDeclaration, _ resource: ResourceDeclaration, _ flags: FieldFlags, _ record: JSONValue?,
        _ invocation: Invocation
    ) -> ExitCode {
        let target = record.map { path(resource, $0) } ?? "/admin/v1/\(resource.name)"
        invocation.terminal.progress("\(resource.name) \(action.name) …")
        var other: AdministrationClient?
        if action.isLive {
            do throws(AdministrationFault) {
                other = try serving()
            } catch {
                invocation.terminal.progress(nil)
                return invocation.fail("\(error)")
            }
        }
        return send("POST", "\(target):\(action.name)", action.fields, flags, through: other, invocation) { answer in
            invocation.tellOutcome(answer, of: record.map { Administration.spoken($0, resource) })
            return answer["ok"] == false ? .failed : .done
        }
    }

    // MARK: Parts

    func path(_ resource: ResourceDeclaration, _ record: JSONValue) -> String {
        "/admin/v1/\(resource.name)/\(PercentEncoding.encode(record["id"]?.string ?? ""))"
    }

    /// `key_01… "Test Key"`
    static func spoken(_ record: JSONValue, _ resource: ResourceDeclaration) -> String {
        let id = record["id"]?.string ?? ""
        guard let label = record.value(at: resource.label)?.string else { return id }
        return "\(id) \"\(DisplayWidth.printable(label))\""
    }

    func send(
        _ method: String, _ target: String, _ fields: [ResourceField], _ flags: FieldFlags, revision: Int64? = nil,
        through other: AdministrationClient? = nil, _ invocation: Invocation, _ done: (JSONValue) -> ExitCode
    ) -> ExitCode {
        defer { invocation.terminal.progress(nil) }
        do {
            let base = try invocation.baseDocument()
            let written = try flags.document(invocation.arguments, over: base, invocation.secretSources)
            if method == "PATCH", written.isEmpty {
                return invocation.fail("nothing is to be changed. \"gateway \(invocation.verb) --help\" lists the flags.", .usage)
            }
            let document = try finder.resolveReferences(in: written, of: fields, named: flags)
            let answer = try (other ?? client).call(method, target, body: .object(document), revision: revision)
            invocation.terminal.progress(nil)
            guard answer.isDone else { return invocation.fail(answer, flags) }
            if other == nil { settle() }
            return done(answer.body ?? .object([:]))
        } catch let fault as UsageFault {
            return invocation.fail("\(fault)", .usage)
        } catch let fault as RecordFinder.Fault {
            return invocation.fail(fault)
        } catch {
            return invocation.fail("\(error)")
        }
    }
}

extension Invocation {
    var secretSources: FieldFlags.Sources {
        .init(
            input: terminal.readInput, file: { FileBytes.read($0, limit: 1 << 20) }, now: gwl_wall_ns())
    }

    /// What `--document` names.
    fileprivate func baseDocument() throws(UsageFault) -> JSONObject {
        guard let file = self["document"] else { return [:] }
        let bytes: [UInt8]
        if file == "-" {
            bytes = terminal.readInput() ?? []
        } else {
            switch FileBytes.read(file, limit: 1 << 20) {
            case .success(let read): bytes = read
            case .failure(let failure):
                throw UsageFault(sentence: "--document: \(failure.sentence)", suggestion: "Name another file.")
            }
        }
        guard let object = (try? JSONParser.parse(String(decoding: bytes, as: UTF8.self)))?.object else {
            throw UsageFault(sentence: "--document is no JSON object", suggestion: "Write {\"name\": …}.")
        }
        return object
    }

    func show(_ record: JSONValue, _ resource: ResourceDeclaration) {
        if wantsJSON { return printJSON(record) }
        withLabels(resource) { text in
            resource.listing(record, text).lines(width: terminal.width, paint: paint).forEach(terminal.out)
        }
    }

    private func withLabels(_ resource: ResourceDeclaration, _ body: (FieldText) -> Void) {
        let labels = administration?.value.finder.labels(for: resource, resource.fields.map(\.pointer)) ?? [:]
        body(FieldText(labels: labels))
    }

    fileprivate func tell(_ word: String, _ record: JSONValue, _ resource: ResourceDeclaration) -> ExitCode {
        if wantsJSON {
            printJSON(record)
            return .done
        }
        terminal.out(paint(.good, word) + ": \(resource.singular) \(Administration.spoken(record, resource))")
        show(record, resource)
        tellRevealed(record)
        return .done
    }

    /// What an action answered.
    func tellOutcome(_ answer: JSONValue, of name: String?) {
        if wantsJSON { return printJSON(answer) }
        var object = answer.object ?? ["answer": answer]
        object["revealed"] = nil
        if let name { terminal.out(paint(.bold, name)) }
        Listing(rows: FieldText().rows(object)).lines(width: terminal.width, paint: paint).forEach(terminal.out)
        tellRevealed(answer)
    }

    /// What nobody can see again stands apart.
    private func tellRevealed(_ answer: JSONValue) {
        guard let revealed = answer["revealed"]?.object, !revealed.isEmpty else { return }
        let lines = revealed.map { (name: $0.name, value: $0.value.string ?? String(decoding: $0.value.compact, as: UTF8.self)) }
        let width = lines.map { DisplayWidth.of($0.name) }.max() ?? 0
        terminal.out("")
        for line in lines {
            let blanks = String(repeating: " ", count: width - DisplayWidth.of(line.name) + 2)
            terminal.out("  " + line.name + blanks + paint(.bold, DisplayWidth.printable(line.value)))
        }
        terminal.out("")
        terminal.out(paint(.warning, "  This is shown once. Keep it now: nobody can read it again."))
    }
}
