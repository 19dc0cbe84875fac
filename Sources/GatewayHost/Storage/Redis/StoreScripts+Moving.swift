// What a move does to a store in Redis.
//
// Kind: values.

extension StoreScript {
    /// Records, entries, and the largest revision, place and number.
    static let state = StoreScript(
        """
        local h = redis.call('HMGET', KEYS[1], 'revision', 'places', 'audit')
        return {redis.call('ZCARD', P .. 'places'), redis.call('ZCARD', P .. 'audit'), h[1], h[2], h[3]}
        """)

    /// Entries of the trail behind a number, oldest first.
    static let trail = StoreScript(
        """
        local found = {}
        for k, text in ipairs(redis.call('ZRANGEBYSCORE', P .. 'audit', '(' .. arg(), '+inf', 'LIMIT', 0, count())) do
          found[k] = cmsgpack.unpack(text)
        end
        return found
        """)

    /// Records as they are in another store.
    static let adopt = StoreScript(
        """
        for k = 1, count() do
          local c, i, revision, document, created, updated, label, place = unpack(some(8))
          local unique, named = some(count() * 2), some(count() * 3)
          local m = name(c, i)
          local old = redis.call('HMGET', P .. 'record:' .. m, 'unique', 'named')
          local was = list(old[1])
          for u = 1, #was, 2 do redis.call('HDEL', P .. 'unique:' .. c, key(was[u], was[u + 1])) end
          was = list(old[2])
          for u = 1, #was, 3 do redis.call('SREM', P .. 'named:' .. name(was[u + 1], was[u + 2]), m) end
          for u = 1, #unique, 2 do redis.call('HSET', P .. 'unique:' .. c, key(unique[u], unique[u + 1]), i) end
          for u = 1, #named, 3 do redis.call('SADD', P .. 'named:' .. name(named[u + 1], named[u + 2]), m) end
          redis.call('HSET', P .. 'record:' .. m, 'revision', revision, 'document', document, 'created', created,
            'updated', updated, 'gone', '0', 'label', label, 'place', place, 'unique', pack(unique), 'named', pack(named))
          redis.call('ZADD', P .. 'revisions:' .. c, revision, i)
          redis.call('ZADD', P .. 'ids:' .. c, 0, i)
          redis.call('ZADD', P .. 'places', place, m)
          redis.call('ZREM', P .. 'gone', m)
        end
        return wrote()
        """)

    static let adoptTrail = StoreScript(
        """
        for k = 1, count() do
          local entry = some(10)
          redis.call('ZREMRANGEBYSCORE', P .. 'audit', entry[1], entry[1])
          redis.call('ZADD', P .. 'audit', entry[1], pack(entry))
        end
        return wrote()
        """)

    /// Fields of the head with the least that they may say.
    static let raise = StoreScript(
        """
        for k = 1, 3 do
          local field, least = arg(), count()
          if tonumber(redis.call('HGET', KEYS[1], field)) < least then
            redis.call('HSET', KEYS[1], field, string.format('%.0f', least))
          end
        end
        return wrote()
        """)
}
