// All commands that are always there, in the order in which help lists them.
//
// Kind: value.

enum Verbs {
    static let version = "gateway 0.1.0"

    static let all: [Verb] = [
        .setup, .run, .serve, .start, .stop, .restart, .reload, .check,
        .status, .logs, .doctor, .configShow, .configDiff,
        .backup, .restore, .export, .importRecords, .importCRS, .storeMigrate, .storeAccept, .audit, .rotateMasterKey,
        .usage, .usageRows, .usageTail, .pricesList, .pricesShow, .pricesDiff, .pricesImport, .reconcile, .ledgerVerify, .ledgerShip,
        .configDocs, .configSchema, .completion, .demoUpstream, .version,
    ]
}

extension Verb {
    static let version = Verb(name: "version", section: .trying, summary: "Prints the version.", flags: [.json]) { invocation in
        if invocation.wantsJSON {
            invocation.printJSON(["version": .string(String(Verbs.version.dropFirst("gateway ".count)))])
        } else {
            invocation.terminal.out(Verbs.version)
        }
        return .done
    }
}
