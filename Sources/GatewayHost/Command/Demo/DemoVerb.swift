// `gateway demo-upstream`: the demonstration by itself, for trying a configuration against.
//
// Kind: the main thread's.

import CLinux

extension Verb {
    static let demoUpstream = Verb(
        name: "demo-upstream", section: .trying, summary: "Serves a Messages API without a model, to try the gateway against.",
        details: """
            Answers POST /v1/messages (streamed or not), /v1/messages/count_tokens and GET /v1/models in the shapes of the real API.
            It accepts every credential and keeps nothing.
            """,
        flags: [
            Flag(
                name: "listen", value: "ADDRESS",
                help: "host:port; 127.0.0.1:0 unless given, a port of the kernel's choice"),
            Flag(name: "pace", value: "DURATION", help: "pause between the pieces of a stream; 25ms unless given"),
        ]
    ) { invocation in
        let written = invocation["listen"] ?? "127.0.0.1:0"
        guard case .success(let address) = ListenAddress.parse(written) else {
            invocation.terminal.problem("gateway: --listen \(written) is no address. Write it like 127.0.0.1:3001.")
            return .usage
        }
        guard let pace = Measure.duration(invocation["pace"] ?? "25ms") else {
            invocation.terminal.problem("gateway: --pace is no duration. Write it like 25ms.")
            return .usage
        }
        do {
            let demo = try DemoUpstream.start(address, pace: pace)
            invocation.terminal.out(
                "demonstration upstream on http://\(ListenAddress(host: address.host, port: demo.port))")
        } catch {
            invocation.terminal.problem("gateway: \(error)")
            return .failed
        }
        // Its threads do the work; a signal ends the process.
        while true { pause() }
    }
}
