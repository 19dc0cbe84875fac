// Whether the upstream can be reached from here, and whether its clock agrees with ours.
//
// Any answer counts, also a refusal: no credential is sent, and no model is asked.
//
// Kind: free of state; blocks.

import CLinux

enum ReachFindings {
    private static let patienceMilliseconds: UInt32 = 10_000
    /// Signed requests and expiry bear less than this.
    private static let clockToleranceSeconds: Int64 = 60

    static func upstream(_ config: GatewayConfig) -> [Finding] {
        let url = config.upstream.url
        switch Probe.get("\(url)/v1/models", caFile: config.upstream.caFile, milliseconds: patienceMilliseconds) {
        case .failure(let fault):
            return [Finding(.fault, "upstream", fault.sentence, mend: mend(fault.kind))]
        case .success(let answer):
            var findings = [
                Finding(
                    .ok, "upstream", "\(url.authority) answers in \(answer.milliseconds) ms (with \(answer.status), asked without a key)")
            ]
            if let date = answer.date.flatMap(Moment.http) {
                let difference = date - Int64(gwl_wall_ns() / 1_000_000_000)
                if abs(difference) > clockToleranceSeconds {
                    findings.append(
                        Finding(
                            .fault, "clock", "differs from the upstream's by \(Spoken.length(seconds: Int(abs(difference))))",
                            mend: "Run systemd-timesyncd or chrony."))
                }
            }
            return findings
        }
    }

    private static func mend(_ kind: UpstreamFault.Kind) -> String {
        switch kind {
        case .resolve: "Look at /etc/resolv.conf and the spelling of the host."
        case .connect: "Look at the firewall and the route; where only a proxy leads out, give each account one."
        case .tls: "Look at the clock and at ca-certificates; behind a proxy that opens TLS, set upstream.ca_file."
        case .timeoutConnect, .timeoutFirstByte, .timeoutIdle: "Look at the firewall: packets are dropped on the way."
        case .badURL: "Mend upstream in the configuration."
        default: "Ask again; look at the provider's status page."
        }
    }
}
