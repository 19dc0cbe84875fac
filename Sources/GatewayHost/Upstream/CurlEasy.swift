// One libcurl easy handle, with the settings that hold for everything this host lets libcurl do.
//
// Environment variables choose no proxy, signals stay ours, certificates are verified, redirects are
// not followed, only http and https are spoken.
//
// Kind: value with one owner; confined to the loop of the multi handle it is added to.

import CCurl

struct CurlEasy: ~Copyable {
    let handle: UnsafeMutableRawPointer
    /// CURLAUTH_BASIC, a macro with a cast.
    private static let basic = 1

    init() {
        guard let handle = curl_easy_init() else { fatalError("out of memory: no libcurl handle") }
        self.handle = handle
        set(CURLOPT_NOSIGNAL, 1)
        // Without it, removing a handle joins its resolver thread, which would hold up the loop for
        // as long as a name server is silent (libcurl 7.87 and later).
        set(CURLOPT_QUICK_EXIT, 1)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_FOLLOWLOCATION, 0)
        set(CURLOPT_SSL_VERIFYPEER, 1)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        set(CURLOPT_PROXY_SSL_VERIFYPEER, 1)
        set(CURLOPT_PROXY_SSL_VERIFYHOST, 2)
        set(CURLOPT_TCP_NODELAY, 1)
        // A long silence is ordinary here; a vanished other side must be noticed all the same.
        set(CURLOPT_TCP_KEEPALIVE, 1)
        set(CURLOPT_TCP_KEEPIDLE, 60)
        set(CURLOPT_TCP_KEEPINTVL, 15)
    }

    deinit { curl_easy_cleanup(handle) }

    /// Numbers and switches.
    func set(_ option: CURLoption, _ value: Int) { check(gwc_set_long(handle, option, value), option) }

    /// Texts; libcurl copies them.
    func set(_ option: CURLoption, _ value: String) { check(gwc_set_string(handle, option, value), option) }

    /// Goes through `proxy`, and through nothing when it is nil: the empty texts keep the environment out.
    /// - Parameter authorities: PEM file to verify an https proxy with; nil for the system's.
    func setProxy(_ proxy: ProxyAddress?, authorities: String?) {
        set(CURLOPT_NOPROXY, "")
        guard let proxy else {
            set(CURLOPT_PROXY, "")
            return
        }
        set(CURLOPT_PROXY, proxy.description)
        // User and password apart from the URL, so that nothing in them is taken for syntax.
        if let user = proxy.user { set(CURLOPT_PROXYUSERNAME, user) }
        if let password = proxy.password { set(CURLOPT_PROXYPASSWORD, password.reveal()) }
        if let authorities { set(CURLOPT_PROXY_CAINFO, authorities) }
        set(CURLOPT_PROXYAUTH, CurlEasy.basic)
        set(CURLOPT_SOCKS5_AUTH, CurlEasy.basic)
    }

    func number(_ info: CURLINFO) -> Int { gwc_get_long(handle, info) }
    /// A point in time since the transfer began; 0: it was not reached.
    func microseconds(_ info: CURLINFO) -> Int { Int(gwc_get_offset(handle, info)) }

    private func check(_ code: CURLcode, _ option: CURLoption) {
        // An option that is silently not set could mean an unverified certificate or no proxy.
        precondition(code == CURLE_OK, "libcurl refuses option \(option.rawValue) with code \(code.rawValue)")
    }
}
