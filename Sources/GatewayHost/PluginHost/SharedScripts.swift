// The functions that Redis runs for plugins' keys and limits.
//
// Kind: constants.

enum SharedScripts {
    static let add = 0
    static let swap = 1
    static let take = 2
    static let give = 3
    static let renew = 4
    static let nodes = 5
    static let tell = 6

    static let library = RedisScript.Library(
        [addText, swapText, LimiterScript.take, LimiterScript.give, LimiterScript.renew, LimiterScript.nodes, LimiterScript.tell].map {
            RedisScript($0)
        })

    /// KEYS: the counter. ARGV: delta, milliseconds (0: for ever). The sum as text: numbers of scripts have 53 bits.
    private static let addText = """
        local isNew = redis.call('EXISTS', KEYS[1]) == 0
        local sum = redis.pcall('INCRBY', KEYS[1], ARGV[1])
        if type(sum) == 'table' then return sum end
        if isNew and ARGV[2] ~= '0' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
        return redis.call('GET', KEYS[1])
        """

    /// KEYS: the key. ARGV: '+' and what is expected, or '-' for absent; '+' and the value, or '-' to remove;
    /// milliseconds. {1}: done; {0, actual}: conflict.
    private static let swapText = """
        local actual = redis.call('GET', KEYS[1])
        local expected = ARGV[1]
        if actual then
          if expected ~= '+' .. actual then return {0, actual} end
        elseif expected ~= '-' then
          return {0}
        end
        local value = ARGV[2]
        if value == '-' then redis.call('DEL', KEYS[1])
        elseif ARGV[3] == '0' then redis.call('SET', KEYS[1], string.sub(value, 2))
        else redis.call('SET', KEYS[1], string.sub(value, 2), 'PX', ARGV[3]) end
        return {1}
        """
}
