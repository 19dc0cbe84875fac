// What looks at the store in Redis. Each looks at a bounded number of things and says how to go on, so that nobody else
// waits long for Redis.
//
// Kind: values.

extension StoreScript {
    /// One record; by a unique value.
    static let get = StoreScript(
        """
        local r = told(arg(), arg())
        return r and r[6] == '0' and r
        """)
    static let find = StoreScript(
        """
        local c = arg()
        local i = redis.call('HGET', P .. 'unique:' .. c, key(arg(), arg()))
        local r = i and told(c, i)
        return r and r[6] == '0' and r
        """)

    /// Records in the order of ids: `{records, last id looked at, '1' when there are no more}`.
    static let list = StoreScript(
        """
        local c, after, isDown, want, search, most = arg(), arg(), arg() == '1', count(), arg(), count()
        local ids
        if isDown then
          ids = redis.call('ZREVRANGEBYLEX', P .. 'ids:' .. c, after == '' and '+' or '(' .. after, '-', 'LIMIT', 0, most)
        else
          ids = redis.call('ZRANGEBYLEX', P .. 'ids:' .. c, after == '' and '-' or '(' .. after, '+', 'LIMIT', 0, most)
        end
        local found, bytes, last = {}, 0, after
        for _, i in ipairs(ids) do
          if #found == want or bytes >= \(answerBytes) then return {found, last, '0'} end
          last = i
          local r
          if search == '' then
            r = told(c, i)
          elseif string.find(string.lower(redis.call('HGET', P .. 'record:' .. name(c, i), 'label') or ''), search, 1, true) then
            r = told(c, i)
          end
          if r then
            found[#found + 1] = r
            bytes = bytes + #r[3]
          end
        end
        return {found, last, #ids < most and '1' or '0'}
        """)

    /// Records in the order of revisions: `{records, last revision looked at, '1' when there are no more}`.
    static let changes = StoreScript(
        """
        local c, after, goneAfter, want, most = arg(), arg(), count(), count(), count()
        local ids = redis.call('ZRANGEBYSCORE', P .. 'revisions:' .. c, '(' .. after, '+inf', 'LIMIT', 0, most)
        local found, bytes, last = {}, 0, after
        for _, i in ipairs(ids) do
          if #found == want or bytes >= \(answerBytes) then return {found, last, '0'} end
          local r = told(c, i)
          if r then
            last = r[2]
            if r[6] == '0' or tonumber(r[2]) > goneAfter then
              found[#found + 1] = r
              bytes = bytes + #r[3]
            end
          end
        end
        return {found, last, #ids < most and '1' or '0'}
        """)

    /// Everything that is known of records behind a place, in the order of places.
    static let rows = StoreScript(
        """
        local names = redis.call('ZRANGEBYSCORE', P .. 'places', '(' .. arg(), '+inf', 'LIMIT', 0, count())
        local found, bytes = {}, 0
        for _, m in ipairs(names) do
          if bytes >= \(answerBytes) then break end
          local c, i = parts(m)
          local f = redis.call('HMGET', P .. 'record:' .. m, 'revision', 'document', 'created', 'updated', 'gone', 'place',
            'label', 'unique', 'named')
          if f[1] then
            found[#found + 1] = {c, i, f[1], f[2], f[3], f[4], f[5], f[6], f[7], list(f[8]), list(f[9])}
            bytes = bytes + #f[2]
          end
        end
        return found
        """)

    /// Entries of the trail with a smaller number, newest first: `{entries, last number looked at, '1' when there are no more}`.
    static let audit = StoreScript(
        """
        local before, since, want, most = arg(), count(), count(), count()
        local wanted = {some(2), some(2), some(2)}
        local packed = redis.call('ZREVRANGEBYSCORE', P .. 'audit', before == '' and '+inf' or '(' .. before, '-inf', 'LIMIT', 0, most)
        local found, last = {}, before
        for _, text in ipairs(packed) do
          if #found == want then return {found, last, '0'} end
          local e = cmsgpack.unpack(text)
          last = e[1]
          -- number, time, actor, source, action, resource, record, …
          local is = tonumber(e[2]) >= since
          for k, place in ipairs({3, 6, 7}) do is = is and (wanted[k][1] == '0' or wanted[k][2] == e[place]) end
          if is then found[#found + 1] = e end
        end
        return {found, last, #packed < most and '1' or '0'}
        """)
}
