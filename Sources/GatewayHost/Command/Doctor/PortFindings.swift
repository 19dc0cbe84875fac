// Whether clients can reach the gateway that runs, or one could listen where the configuration says.
//
// Kind: free of state; opens sockets for a moment.

import CLinux

enum PortFindings {
    static func all(_ config: GatewayConfig, _ running: RunningGateway?, offline: Bool) -> [Finding] {
        guard let running else { return config.listeners.map { free($0) } }
        var findings = [
            Finding(.ok, "gateway", "process \(running.process) runs for \(Spoken.length(seconds: running.age))")
        ]
        if let reload = running.lastReload, !reload.applied {
            findings.append(
                Finding(
                    .fault, "reload", "the last one was refused: \(reload.reason)", mend: "Mend the file, then gateway reload."))
        }
        if !offline, config.listeners.allSatisfy({ $0.tls == nil }) {
            findings += running.addresses.map { answers($0) }
        }
        return findings
    }

    private static func free(_ listener: ListenerConfig) -> Finding {
        let address = listener.address.description
        do {
            _ = try ListeningSocket.open(SocketAddress.parse(address), sharesPort: false, backlog: 1)
            return Finding(.ok, "port", "\(address) is free, and no gateway runs")
        } catch let error as SystemError {
            switch error.code {
            case EADDRINUSE:
                return Finding(
                    .fault, "port", "\(address) is taken by another program",
                    mend: "\"ss -ltnp\" names it; end it, or change listen.")
            case EACCES:
                return Finding(
                    .fault, "port", "\(address) is not allowed for this user",
                    mend: "Take a port above 1023, or AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit.")
            case EADDRNOTAVAIL:
                return Finding(.fault, "port", "no interface of this machine has the address of \(address)", mend: "Change listen.")
            default: return Finding(.fault, "port", "\(error)")
            }
        } catch {
            return Finding(.fault, "port", "\(error)")
        }
    }

    private static func answers(_ address: String) -> Finding {
        var reachable = address
        for everywhere in ["*:", "0.0.0.0:", "[::]:"] where address.hasPrefix(everywhere) {
            reachable = "127.0.0.1:" + address.dropFirst(everywhere.count)
        }
        switch Probe.get("http://\(reachable)/readyz", milliseconds: 3000) {
        case .success(let answer) where answer.status == 200:
            return Finding(.ok, "port", "\(reachable) answers in \(answer.milliseconds) ms")
        case .success(let answer):
            return Finding(
                .warning, "port", "\(reachable) says that it is not ready (\(answer.status))", mend: "\"gateway logs\" says why.")
        case .failure(let fault):
            return Finding(
                .fault, "port", "\(reachable) does not answer: \(fault.sentence)",
                mend: "\"gateway logs\" may say why; a loop that is held up answers nobody.")
        }
    }
}
