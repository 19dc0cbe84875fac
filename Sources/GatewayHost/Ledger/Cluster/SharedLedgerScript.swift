// What Redis keeps of the ledgers of several nodes, and the functions by which it changes.
//
//   gw:{ledger}:nodes                     set: ids of all nodes that ever told something
//   gw:{ledger}:node:<id>                 hash: name, zone, epoch (what readers use), telling (the epoch that may be told), rows, seen,
//                                         holder, until, mark:<epoch>
//   gw:{ledger}:have:<id>:<epoch>         set: days of which there are sums
//   gw:{ledger}:days:<id>:<epoch>:<day>   hash: who → sums (SharedSums)
//   gw:{ledger}:hours:<id>:<epoch>:<day>  the same by hour; expires
//
// A node tells what its sums are, not what comes to them, so nothing can be counted twice. Each message says which mark it follows and
// which it leaves; one that follows another mark than Redis has, changes nothing and hears the mark. So what was sent twice is done
// once, what arrives late is not done at all, and an emptied Redis, which has no mark, is told everything again.
//
// A new epoch is told beside the old one and takes its place when it is whole; readers see one or the other. It is announced by asking for
// its mark, and from then on what still arrives of the one before is refused.
//
// Kind: free of state.

enum SharedLedgerScript {
    /// Whoever tells is the node for so long after it spoke last.
    static let holdMilliseconds = 10_000

    /// KEYS: the node's hash. ARGV: base, id, holder, epoch, mark it follows ('?': asks for it), mark it leaves, '1': nothing is behind it, rows, name, zone;
    /// then for days and for hours: count of days; for each: day, when it expires (0: never), count, who and sums.
    /// Answers {'ok'}, {'mark', the one there is, or ''}, {'held', holder}, {'other'}: another epoch is told.
    static let tell = Array(
        """
        local P, id, holder, epoch, from, to = unpack(ARGV, 1, 6)
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)
        local head = redis.call('HMGET', KEYS[1], 'holder', 'until', 'mark:' .. epoch, 'telling')
        if head[1] and head[1] ~= holder and tonumber(head[2]) > now then return {'held', head[1]} end
        local mark = head[3] or ''
        if from == '?' then redis.call('HSET', KEYS[1], 'telling', epoch)
        elseif head[4] ~= epoch then return {'other'} end
        if mark ~= from then return {'mark', mark} end
        local at = 11
        local function arg() local value = ARGV[at]; at = at + 1; return value end
        for _, kind in ipairs({'days:', 'hours:'}) do
          for d = 1, tonumber(arg()) do
            local day, expires = arg(), arg()
            local key = P .. kind .. id .. ':' .. epoch .. ':' .. day
            for n = 1, tonumber(arg()) do redis.call('HSET', key, arg(), arg()) end
            if expires ~= '0' then redis.call('EXPIREAT', key, expires) end
            redis.call('SADD', P .. 'have:' .. id .. ':' .. epoch, day)
          end
        end
        redis.call('SADD', P .. 'nodes', id)
        redis.call('HSET', KEYS[1], 'mark:' .. epoch, to, 'holder', holder, 'until', string.format('%.0f', now + \(holdMilliseconds)),
          'seen', string.format('%.0f', now), 'name', ARGV[9], 'zone', ARGV[10])
        if ARGV[7] == '1' then redis.call('HSET', KEYS[1], 'epoch', epoch, 'rows', ARGV[8]) end
        return {'ok'}
        """.utf8)

    /// KEYS: the node's hash. ARGV: base, id, an epoch that nobody reads any more. Removes a part of it; answers 0 when nothing is left.
    static let drop = Array(
        """
        local P, id, epoch = ARGV[1], ARGV[2], ARGV[3]
        local have = P .. 'have:' .. id .. ':' .. epoch
        for n, day in ipairs(redis.call('SRANDMEMBER', have, 50)) do
          redis.call('UNLINK', P .. 'days:' .. id .. ':' .. epoch .. ':' .. day, P .. 'hours:' .. id .. ':' .. epoch .. ':' .. day)
          redis.call('SREM', have, day)
        end
        local rest = redis.call('SCARD', have)
        if rest == 0 then redis.call('HDEL', KEYS[1], 'mark:' .. epoch) end
        return rest
        """.utf8)
}
