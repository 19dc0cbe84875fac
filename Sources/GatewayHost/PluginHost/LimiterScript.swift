// The rules of gw.limiter/1 as Redis runs them: those of LimiterState, RateWindow, BudgetWindow and SlidingWindow, line by
// line, so that a limit means the same wherever it is kept. Where one is changed, the other is; the model test walks both.
//
// Each demand has two keys. State: a number or a few, packed. Holdings: a sorted set of what was taken and not given back,
// `id:amount:window`, by when it expires; `#` has minus their sum as its score. A holding that expires while its owner may
// still live leaves `x` before its name, so that settling it counts once. What was spent while Redis was away leaves its name
// behind `!`, for the same reason.
//
// Numbers of Lua are exact up to 2^53. Time is in milliseconds of Redis's clock; rates are in units of 1/limit ms and
// relative to the time they were written, so that all of it fits (the host divides what would not).
//
// Kind: constants.

enum LimiterScript {
    /// What is larger counts as this: 9,007 million units of a millionth, or as many dollars in nano-dollars.
    static let largest: Int64 = 9_007_199_254_740_991
    /// How long a tombstone waits for whoever may settle it.
    static let tombstoneMilliseconds = 3_600_000

    private static let common = """
        local t = ARGV[1]
        if t == '' then
          local clock = redis.call('TIME')
          t = clock[1] * 1000 + math.floor(clock[2] / 1000)
        else
          t = tonumber(t)
        end
        local SLOTS, LARGEST, TOMB = 21, \(largest), \(tombstoneMilliseconds)
        local function read(key)
          local raw = redis.call('GET', key)
          return raw and cmsgpack.unpack(raw)
        end
        local function slotOf(period) return math.max(1, math.ceil(math.max(1, period) / 20)) end
        -- A window: newest slot, used, reserved; then what counts in each slot, and what of it is reserved.
        local AMOUNTS, PENDING = 4, 4 + SLOTS
        local function windowSettle(w, slot, amount, spent)
          if slot + SLOTS <= w[1] or slot > w[1] then return false end
          local place = slot % SLOTS
          w[PENDING + place] = w[PENDING + place] - amount
          w[3] = w[3] - amount
          local old = w[AMOUNTS + place]
          local new = math.min(old - amount + spent, LARGEST - math.max(0, w[2] - old))
          w[AMOUNTS + place] = new
          w[2] = w[2] - old + new
          return true
        end

        """

    /// KEYS: state and holdings of each demand. ARGV: now or '', lifetime of holdings, id; then of each demand kind,
    /// cost, limit, period, start, end (-1: none), before (-1: unknown), moment of that (-1: none).
    /// {0 granted | 1 refused | 2 unknown, index, now, then of each demand five numbers}.
    static let take =
        common + """
            local ttl, id = tonumber(ARGV[2]), ARGV[3]
            local count = #KEYS / 2
            local D, S, H, fresh = {}, {}, {}, {}

            -- What is held under a key, without what has expired.
            local function held(d)
              if H[d.hold] then return end
              local sum = -tonumber(redis.call('ZSCORE', d.hold, '#') or 0)
              local gone = redis.call('ZRANGEBYSCORE', d.hold, '(0', t, 'LIMIT', 0, 1000)
              for _, member in ipairs(gone) do
                redis.call('ZREM', d.hold, member)
                local mark = string.sub(member, 1, 1)
                if mark ~= 'x' and mark ~= '!' then
                  local amount, window = string.match(member, ':(%d+):(%d+)$')
                  amount, window = tonumber(amount), tonumber(window)
                  sum = sum - amount
                  redis.call('ZINCRBY', d.hold, amount, '#')
                  if d.kind ~= 1 then redis.call('ZADD', d.hold, t + TOMB, 'x' .. member) end
                  if d.kind == 3 and windowSettle(S[d.key], window, amount, 0) then fresh[d.key] = true end
                end
              end
              H[d.hold] = sum
            end

            local function save(d)
              local life
              local s = S[d.key]
              if d.kind == 0 then life = math.ceil(s[1] / math.max(1, s[3])) + 60000
              elseif d.kind == 2 then life = s[2] ~= -1 and math.max(0, s[2] - t) + TOMB
              else life = d.period + slotOf(d.period) + 60000 end
              if life then redis.call('SET', d.key, cmsgpack.pack(s), 'PX', string.format('%.0f', life))
              else redis.call('SET', d.key, cmsgpack.pack(s)) end
            end
            local function saveAll()
              for i = 1, #D do
                if fresh[D[i].key] then
                  save(D[i])
                  fresh[D[i].key] = nil
                end
              end
            end

            -- A budget goes to the period that runs; false if nobody knows what was spent in it.
            local function enter(d)
              local b = S[d.key]
              if d.from ~= b[1] or d.to ~= b[2] then
                local back = d.from < b[1] and b[2] ~= 0
                if not (back and b[1] <= t + 60000) then
                  if back then b[4] = 0 end
                  b[1], b[2], b[3] = d.from, d.to, 0
                  redis.call('DEL', d.hold)
                  H[d.hold] = 0
                  fresh[d.key] = true
                end
              end
              if b[4] == 1 then return true end
              if d.before == -1 then return false end
              if d.at ~= -1 then
                if d.at < b[1] or (b[2] ~= -1 and d.at >= b[2]) then return false end
                b[3] = d.before
              end
              b[4] = 1
              fresh[d.key] = true
              return true
            end

            local function move(w, slot)
              local current = math.floor(t / slot)
              if current <= w[1] then return end
              local steps = math.min(current - w[1], SLOTS)
              for step = 1, steps do
                local place = (w[1] + step) % SLOTS
                w[2] = w[2] - w[AMOUNTS + place]
                w[3] = w[3] - w[PENDING + place]
                w[AMOUNTS + place], w[PENDING + place] = 0, 0
              end
              w[1] = current
            end

            local function wait(w, slot, target)
              local left, number = w[2], math.max(0, w[1] - (SLOTS - 1))
              while left > target and number <= w[1] do
                left = left - w[AMOUNTS + number % SLOTS]
                number = number + 1
              end
              if number == 0 or left >= w[2] then return 0 end
              return math.max(0, (number - 1 + SLOTS) * slot - t)
            end

            local out = {}
            local function answer(i, a, b, c, e, f)
              local at = 5 * i - 1
              out[at], out[at + 1], out[at + 2], out[at + 3], out[at + 4] = a, b or 0, c or 0, e or 0, f or 0
            end

            local decide = {}
            decide[0] = function(i, d, keep)
              local r, cost, limit = S[d.key], d.cost, d.limit
              if limit <= 0 then
                answer(i, 0)
                return cost == 0
              end
              local used = math.max(0, r[1] - math.max(0, t - r[2]) * r[3])
              if r[3] ~= limit then
                local rest = math.fmod(used, d.period)
                local units = (used - rest) / d.period + (rest > 0 and 1 or 0)
                used = math.min(units, limit) * d.period
                r[1], r[2], r[3] = used, math.max(t, r[2]), limit
                fresh[d.key] = true
              end
              local granted = cost <= limit and used + cost * d.period <= limit * d.period
              if granted and keep then
                used = used + cost * d.period
                r[1], r[2] = used, math.max(t, r[2])
                fresh[d.key] = true
              end
              answer(i, used)
              return granted
            end
            decide[1] = function(i, d, keep)
              local granted = d.cost <= d.limit and H[d.hold] <= d.limit - d.cost
              if granted and keep then H[d.hold] = H[d.hold] + d.cost end
              answer(i, H[d.hold])
              return granted
            end
            decide[2] = function(i, d, keep)
              local b = S[d.key]
              local granted = d.cost <= d.limit and b[3] + H[d.hold] <= d.limit - d.cost
              if granted and keep then H[d.hold] = H[d.hold] + d.cost end
              d.window = b[1]
              answer(i, b[3], H[d.hold], b[2], b[1])
              return granted
            end
            decide[3] = function(i, d, keep)
              local w, slot = S[d.key], slotOf(d.period)
              move(w, slot)
              local granted = d.cost <= d.limit and w[2] <= d.limit - d.cost
              if granted and keep then
                local place = w[1] % SLOTS
                w[AMOUNTS + place], w[PENDING + place] = w[AMOUNTS + place] + d.cost, w[PENDING + place] + d.cost
                w[2], w[3] = w[2] + d.cost, w[3] + d.cost
                H[d.hold] = H[d.hold] + d.cost
                fresh[d.key] = true
              end
              d.window = w[1]
              local retry = 0
              if not granted and d.cost <= d.limit then retry = wait(w, slot, d.limit - d.cost) end
              answer(i, w[2], w[3], wait(w, slot, 0), retry, w[1])
              return granted
            end

            for i = 1, count do
              local at = 4 + 8 * (i - 1)
              local function number(offset) return tonumber(ARGV[at + offset]) end
              local d = {
                key = KEYS[2 * i - 1], hold = KEYS[2 * i], kind = number(0), cost = number(1), limit = number(2),
                period = number(3), from = number(4), to = number(5), before = number(6), at = number(7), window = 0
              }
              D[i] = d
              if not S[d.key] then
                if d.kind == 0 then S[d.key] = read(d.key) or {0, t, d.limit}
                elseif d.kind == 1 then S[d.key] = {}
                elseif d.kind == 2 then S[d.key] = read(d.key) or {0, 0, 0, 0}
                else
                  local w = read(d.key)
                  if not w then
                    w = {}
                    for place = 1, 3 + 2 * SLOTS do w[place] = 0 end
                  end
                  S[d.key] = w
                end
              end
              if d.kind == 2 and not enter(d) then
                saveAll()
                return {2, i - 1, t}
              end
              if d.kind ~= 0 then held(d) end
            end

            local before, sums = {}, {}
            for key, s in pairs(S) do
              local copy = {}
              for place, value in ipairs(s) do copy[place] = value end
              before[key] = copy
            end
            for key, sum in pairs(H) do sums[key] = sum end

            local refusing
            for i = 1, count do
              if not decide[D[i].kind](i, D[i], true) then
                refusing = i
                break
              end
            end
            if refusing then
              -- Nothing was taken: each is asked once more, alone.
              S, H = before, sums
              for i = 1, count do
                if D[i].kind == 0 then fresh[D[i].key] = nil end
              end
              for i = 1, count do decide[D[i].kind](i, D[i], false) end
            else
              for i = 1, count do
                local d = D[i]
                if d.kind ~= 0 then
                  local member = id .. '.' .. i .. ':' .. ARGV[5 + 8 * (i - 1)] .. ':' .. string.format('%.0f', d.window)
                  redis.call('ZADD', d.hold, t + ttl, member)
                  redis.call('ZINCRBY', d.hold, -d.cost, '#')
                  redis.call('PEXPIRE', d.hold, d.kind == 1 and 4 * ttl or 2 * TOMB)
                end
              end
            end
            saveAll()
            out[1], out[2], out[3] = refusing and 1 or 0, (refusing or 1) - 1, t
            return out
            """

    /// Gives back or settles. KEYS: state, holdings. ARGV: now or '', kind, member, amount, window, spent. 1: done now,
    /// 0: it was done before, or there is nothing to do it to.
    static let give =
        common + """
            local kind, member, amount = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
            local window, spent = tonumber(ARGV[5]), tonumber(ARGV[6])
            local wasHeld = redis.call('ZREM', KEYS[2], member) == 1
            if wasHeld then
              redis.call('ZINCRBY', KEYS[2], amount, '#')
            elseif kind == 1 or redis.call('ZREM', KEYS[2], 'x' .. member) == 0 then
              return 0
            end
            if kind == 1 then return 1 end
            local s = read(KEYS[1])
            if not s then return 1 end
            if kind == 2 then
              if s[1] ~= window then return 1 end
              s[3] = math.min(s[3] + spent, LARGEST)
            else
              if not windowSettle(s, window, wasHeld and amount or 0, spent) then return 1 end
            end
            redis.call('SET', KEYS[1], cmsgpack.pack(s), 'KEEPTTL')
            return 1
            """

    /// Counts what was spent of a budget while Redis was away, once. KEYS: state, holdings. ARGV: now or '', member, window,
    /// spent. Where nobody knows what was spent the ledger says it, this included. 1: counted now.
    static let tell =
        common + """
            if redis.call('ZADD', KEYS[2], 'NX', t + TOMB, '!' .. ARGV[2]) == 0 then return 0 end
            redis.call('PEXPIRE', KEYS[2], 2 * TOMB)
            local s = read(KEYS[1])
            if not s or s[4] ~= 1 or s[1] ~= tonumber(ARGV[3]) then return 0 end
            s[3] = math.min(s[3] + tonumber(ARGV[4]), LARGEST)
            redis.call('SET', KEYS[1], cmsgpack.pack(s), 'KEEPTTL')
            return 1
            """

    /// Keeps holdings alive. KEYS: holdings. ARGV: now or '', lifetime, kind, members. A lease that Redis lost is held
    /// again: whoever renews it has it.
    static let renew =
        common + """
            local ttl, kind = tonumber(ARGV[2]), tonumber(ARGV[3])
            for i = 4, #ARGV do
              local member = ARGV[i]
              if redis.call('ZSCORE', KEYS[1], member) then
                redis.call('ZADD', KEYS[1], t + ttl, member)
              elseif kind == 1 then
                redis.call('ZADD', KEYS[1], t + ttl, member)
                redis.call('ZINCRBY', KEYS[1], -tonumber(string.match(member, ':(%d+):%d+$')), '#')
              elseif redis.call('ZSCORE', KEYS[1], 'x' .. member) then
                redis.call('ZADD', KEYS[1], t + TOMB, 'x' .. member)
              end
            end
            redis.call('PEXPIRE', KEYS[1], kind == 1 and 4 * ttl or 2 * TOMB)
            return 1
            """

    /// Says that a node lives, and how many do. KEYS: the nodes. ARGV: now or '', lifetime, node.
    static let nodes =
        common + """
            redis.call('ZADD', KEYS[1], t + tonumber(ARGV[2]), ARGV[3])
            redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', t)
            redis.call('PEXPIRE', KEYS[1], 4 * ARGV[2])
            return redis.call('ZCARD', KEYS[1])
            """
}
