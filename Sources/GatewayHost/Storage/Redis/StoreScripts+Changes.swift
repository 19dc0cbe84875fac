// What changes the store in Redis. The same rules as SQLiteChanges, in the same order.
//
// Kind: values.

extension StoreScript {
    /// Opens a store, or founds it under the id given. The only one that runs without knowing the store.
    static let open = Array(
        """
        local own = redis.call('HMGET', KEYS[1], 'id', 'format')
        if own[1] then return {own[1], own[2] or ''} end
        redis.call('HSET', KEYS[1], 'id', ARGV[1], 'format', ARGV[2], 'revision', 0, 'writes', 0, 'places', 0, 'audit', 0)
        return {ARGV[1], ARGV[2]}
        """.utf8)

    /// A task: its id, the time, the largest revision that the caller has seen, the changes, entries beside them.
    /// Answers `{0, writes, first revision, created…}`, or `{1, what stands against it…}`.
    static let apply = StoreScript(
        """
        local task = P .. 'task:' .. arg()
        local done = redis.call('GET', task)
        if done then return cmsgpack.unpack(done) end
        local now = arg()
        local base = math.max(tonumber(redis.call('HGET', KEYS[1], 'revision')), count())
        local records, order, holders, named, changes, entries = {}, {}, {}, {}, {}, {}

        local function record(c, i)
          local m = name(c, i)
          local r = records[m]
          if r then return r end
          local f = redis.call('HMGET', P .. 'record:' .. m, 'revision', 'created', 'gone', 'place', 'unique', 'named')
          r = {c = c, i = i, m = m, revision = f[1] and tonumber(f[1]), created = f[2], gone = f[3] ~= '0', place = f[4]}
          r.unique, r.named = list(f[5]), list(f[6])
          r.oldUnique, r.oldNamed = r.unique, r.named
          records[m] = r
          return r
        end
        local function holder(c, k)
          local h = holders[c .. '\\n' .. k]
          if h == nil then h = redis.call('HGET', P .. 'unique:' .. c, k) end
          return h
        end
        -- Who names a record: what Redis has, without what this task takes away, with what it adds.
        local function namers(m)
          if not named[m] then
            named[m] = {}
            for _, by in ipairs(redis.call('SMEMBERS', P .. 'named:' .. m)) do named[m][by] = true end
          end
          return named[m]
        end

        local n = count()
        for k = 1, n do
          local c, i, has, document, kind, expected, label = arg(), arg(), arg() == '1', arg(), arg(), count(), arg()
          local change = {c = c, i = i, has = has, unique = some(count() * 2), named = some(count() * 3)}
          if arg() == '1' then change.audit = some(9) end
          changes[k] = change
          local r = record(c, i)
          local current = not r.gone and r.revision or nil
          if kind == 'anything' or kind == 'present' then
            if not current and (kind == 'present' or not has) then return {1, 'absent'} end
          elseif kind == 'absent' then
            if current then return {1, 'conflict', string.format('%.0f', current)} end
          elseif current ~= expected then
            return {1, 'conflict', current and string.format('%.0f', current) or ''}
          end
          for u = 1, #r.unique, 2 do holders[c .. '\\n' .. key(r.unique[u], r.unique[u + 1])] = false end
          for u = 1, #r.named, 3 do namers(name(r.named[u + 1], r.named[u + 2]))[r.m] = nil end
          r.unique, r.named = {}, {}
          if has then
            for u = 1, #change.unique, 2 do
              local k = key(change.unique[u], change.unique[u + 1])
              local other = holder(c, k)
              if other then return {1, 'duplicate', change.unique[u], change.unique[u + 1], other} end
              holders[c .. '\\n' .. k] = i
            end
            for u = 1, #change.named, 3 do namers(name(change.named[u + 1], change.named[u + 2]))[r.m] = true end
            r.unique, r.named = change.unique, change.named
          end
          r.created = current and r.created or now
          change.created = r.created
          r.revision, r.gone, r.document, r.label = base + k, not has, has and document or '', has and label or ''
          if not r.isTouched then
            r.isTouched = true
            order[#order + 1] = r
          end
        end
        for _, change in ipairs(changes) do
          if change.has then
            for u = 1, #change.named, 3 do
              if record(change.named[u + 1], change.named[u + 2]).gone then
                return {1, 'unknown', change.named[u], change.named[u + 1], change.named[u + 2]}
              end
            end
          elseif record(change.c, change.i).gone then
            local by = {}
            for m in pairs(namers(name(change.c, change.i))) do by[#by + 1] = m end
            if #by > 0 then
              table.sort(by)
              local c, i = parts(by[1])
              return {1, 'referenced', c, i, tostring(#by)}
            end
          end
        end
        for k = 1, count() do entries[k] = some(9) end

        -- Nothing stands against it: from here on it is written.
        for _, r in ipairs(order) do
          for u = 1, #r.oldUnique, 2 do redis.call('HDEL', P .. 'unique:' .. r.c, key(r.oldUnique[u], r.oldUnique[u + 1])) end
          for u = 1, #r.oldNamed, 3 do redis.call('SREM', P .. 'named:' .. name(r.oldNamed[u + 1], r.oldNamed[u + 2]), r.m) end
        end
        for _, r in ipairs(order) do
          for u = 1, #r.unique, 2 do redis.call('HSET', P .. 'unique:' .. r.c, key(r.unique[u], r.unique[u + 1]), r.i) end
          for u = 1, #r.named, 3 do redis.call('SADD', P .. 'named:' .. name(r.named[u + 1], r.named[u + 2]), r.m) end
          local revision = string.format('%.0f', r.revision)
          r.place = r.place or string.format('%.0f', redis.call('HINCRBY', KEYS[1], 'places', 1))
          redis.call('HSET', P .. 'record:' .. r.m, 'revision', revision, 'document', r.document, 'created', r.created,
            'updated', now, 'gone', r.gone and '1' or '0', 'label', r.label, 'place', r.place,
            'unique', pack(r.unique), 'named', pack(r.named))
          redis.call('ZADD', P .. 'revisions:' .. r.c, revision, r.i)
          if r.gone then
            redis.call('ZREM', P .. 'ids:' .. r.c, r.i)
            redis.call('ZREM', P .. 'places', r.m)
            redis.call('ZADD', P .. 'gone', now, r.m)
          else
            redis.call('ZADD', P .. 'ids:' .. r.c, 0, r.i)
            redis.call('ZADD', P .. 'places', r.place, r.m)
            redis.call('ZREM', P .. 'gone', r.m)
          end
        end
        for _, change in ipairs(changes) do if change.audit then audited(change.audit) end end
        for _, entry in ipairs(entries) do audited(entry) end
        redis.call('HSET', KEYS[1], 'revision', string.format('%.0f', base + n))
        local answer = {0, 0, string.format('%.0f', base + 1)}
        for _, change in ipairs(changes) do answer[#answer + 1] = change.created end
        answer[2] = wrote()
        redis.call('SET', task, pack(answer), 'PX', 120000)
        return answer
        """)

    /// Other forms of documents whose revisions are still the ones named: `{writes, '1' or '0' for each}`.
    static let rewrite = StoreScript(
        """
        local revision = math.max(tonumber(redis.call('HGET', KEYS[1], 'revision')), count())
        local done, answer = 0, {0}
        for k = 1, count() do
          local c, i, expected, document = arg(), arg(), arg(), arg()
          local f = redis.call('HMGET', P .. 'record:' .. name(c, i), 'revision', 'gone')
          answer[k + 1] = '0'
          if f[1] == expected and f[2] == '0' then
            revision = revision + 1
            local text = string.format('%.0f', revision)
            redis.call('HSET', P .. 'record:' .. name(c, i), 'revision', text, 'document', document)
            redis.call('ZADD', P .. 'revisions:' .. c, text, i)
            answer[k + 1] = '1'
            done = done + 1
          end
        end
        if done > 0 then
          redis.call('HSET', KEYS[1], 'revision', string.format('%.0f', revision))
          answer[1] = wrote()
        end
        return answer
        """)

    /// Values by name, on a condition: `{writes, '1' or '0'}`. Done already counts as done.
    static let setMeta = StoreScript(
        """
        local values = some(count() * 3)
        local isSet, isThere = true, true
        for k = 1, #values, 3 do
          local now = redis.call('HGET', P .. 'meta', values[k])
          if values[k + 1] == '1' then isThere = isThere and now == values[k + 2] else isThere = isThere and not now end
        end
        if arg() == '1' then
          local now = redis.call('HGET', P .. 'meta', arg())
          if arg() == '1' then isSet = now == arg() else isSet = not now end
        end
        if isThere and not isSet then return {0, '1'} end
        if not isSet then return {0, '0'} end
        for k = 1, #values, 3 do
          if values[k + 1] == '1' then
            redis.call('HSET', P .. 'meta', values[k], values[k + 2])
          else
            redis.call('HDEL', P .. 'meta', values[k])
          end
        end
        return {wrote(), '1'}
        """)

    /// Forgets some of what is gone since before a time, and the oldest entries of the trail: how many records went.
    static let purge = StoreScript(
        """
        local old = redis.call('ZRANGEBYSCORE', P .. 'gone', '-inf', '(' .. arg(), 'LIMIT', 0, count())
        for _, m in ipairs(old) do
          local c, i = parts(m)
          redis.call('DEL', P .. 'record:' .. m)
          redis.call('ZREM', P .. 'revisions:' .. c, i)
          redis.call('ZREM', P .. 'gone', m)
        end
        local newest = redis.call('ZREVRANGE', P .. 'audit', 0, 0, 'WITHSCORES')[2]
        if newest then
          redis.call('ZREMRANGEBYSCORE', P .. 'audit', '-inf', string.format('%.0f', tonumber(newest) - count()))
        end
        return #old
        """)
}
