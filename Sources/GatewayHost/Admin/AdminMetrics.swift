// What the admin interface reports about itself.
//
// Kind: handles to shared cells.

struct AdminMetrics: Sendable {
    private let done: MetricSeries
    private let unauthenticated: MetricSeries
    private let forbidden: MetricSeries
    private let refused: MetricSeries
    private let failed: MetricSeries
    private let wrongPasswords: MetricSeries
    private let throttled: MetricSeries

    init(_ host: HostMetrics) {
        done = host.series(.adminRequests, "done")
        unauthenticated = host.series(.adminRequests, "unauthenticated")
        forbidden = host.series(.adminRequests, "forbidden")
        refused = host.series(.adminRequests, "refused")
        failed = host.series(.adminRequests, "failed")
        wrongPasswords = host.series(.adminLoginsRefused, "password")
        throttled = host.series(.adminLoginsRefused, "throttled")
    }

    func answered(_ status: Int) {
        switch status {
        case 401: unauthenticated.add(1)
        case 403: forbidden.add(1)
        case 400..<500: refused.add(1)
        case 500...: failed.add(1)
        default: done.add(1)
        }
    }

    func loginRefused(isThrottled: Bool) { (isThrottled ? throttled : wrongPasswords).add(1) }
}
