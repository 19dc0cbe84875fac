// What an error of Redis is about, as each version spells it.

import Testing

@testable import GatewayHost

@Suite struct RedisErrorTextTests {
    @Test(arguments: [
        ("OOM command not allowed when used memory > 'maxmemory'. script: 6cff, on @user_script:232.", "OOM"),
        ("ERR Error running script (call to f_410c): @user_script:129: @user_script: 129: -OOM command not allowed.", "OOM"),
        ("ERR Error running script (call to f_410c): @user_script:129: @user_script: 129: -READONLY You can't write.", "READONLY"),
        ("ERR Error running script (call to f_1): @user_script:1: attempt to index a nil value", "ERR"), ("GWLOST false", "GWLOST"),
        ("NOAUTH Authentication required.", "NOAUTH"), ("", ""),
    ])
    func theKindIsFound(words: String, kind: String) {
        #expect(RedisErrorText.kind(words) == kind[...])
    }

    @Test func whatIsNotWrappedStaysAsItIs() {
        #expect(RedisErrorText.unwrapped("ERR no: -OOM here") == "ERR no: -OOM here")
        #expect(RedisErrorText.unwrapped("ERR Error running script (x): y: -OOM no: -more") == "OOM no: -more")
    }
}
