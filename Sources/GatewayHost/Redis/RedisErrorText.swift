// The words of an error of Redis, as they were said where it happened.
//
// Before 7 an error inside a script is wrapped: `ERR Error running script (call to f_…): @user_script:9: @user_script: 9: -OOM command
// not allowed …`. What it is about stands behind the dash.
//
// Kind: pure.

enum RedisErrorText {
    /// Begins with a word in capitals.
    static func unwrapped(_ words: String) -> Substring {
        guard words.hasPrefix("ERR Error running script"), let dash = words.firstRange(of: ": -") else { return Substring(words) }
        return words[dash.upperBound...]
    }

    /// `OOM`, `READONLY`, `ERR`.
    static func kind(_ words: String) -> Substring { unwrapped(words).prefix { $0 != " " } }
}
