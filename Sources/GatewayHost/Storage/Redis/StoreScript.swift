// The functions that Redis runs for the store: each is one change or one look, whole or not there.
//
// Redis runs a script without anything in between, but does not take back what a script did before it failed; so
// each looks at everything first and writes only when nothing can stand against it.
//
//   gw:{store}:head              hash: id, format, revision, writes, places, audit
//   gw:{store}:meta              hash: what the vault keeps
//   gw:{store}:record:<name>     hash: revision, document, created, updated, gone, label, place, unique, named
//   gw:{store}:ids:<collection>        sorted by id: what is there
//   gw:{store}:revisions:<collection>  sorted by revision: what changed last, deletions included; watches read it
//   gw:{store}:unique:<collection>     hash: field and value → id
//   gw:{store}:named:<name>      set: who names this record
//   gw:{store}:places            sorted by place: every record, for passes over the whole store
//   gw:{store}:gone              sorted by time: what was deleted
//   gw:{store}:audit             sorted by number: the trail
//   gw:{store}:task:<id>         the outcome of a change, for two minutes: what is sent twice is done once
//   gw:{store}:changed           the channel on which every change is announced
//
// A <name> is `<bytes of collection>:<collection>:<id>`. All keys carry one hash tag: a cluster keeps them together.
//
// Kind: value.

struct StoreScript: Sendable {
    let source: [UInt8]

    /// - Parameter body: Lua; `arg()` gives the next argument.
    init(_ body: String) { source = Array((Self.prelude + body).utf8) }

    /// The words of the command.
    func call(_ head: [UInt8], _ id: [UInt8], _ arguments: [[UInt8]]) -> [[UInt8]] {
        [Array("EVAL".utf8), source, Array("1".utf8), head, id, Array(Self.format.utf8)] + arguments
    }

    /// Of what is kept in Redis. A gateway that finds another refuses.
    static let format = "1"
    /// Bytes of documents in one answer; a page is held in memory.
    static let answerBytes = 8 << 20

    /// Refuses to work on a store that is not the one it was opened as.
    private static let prelude = """
        local P = string.sub(KEYS[1], 1, -5)
        local own = redis.call('HMGET', KEYS[1], 'id', 'format')
        if own[1] ~= ARGV[1] then return redis.error_reply('GWLOST ' .. tostring(own[1])) end
        if own[2] ~= ARGV[2] then return redis.error_reply('GWFORMAT ' .. tostring(own[2])) end
        local at = 2
        local function arg() at = at + 1; return ARGV[at] end
        local function count() return tonumber(arg()) end
        local function name(c, i) return #c .. ':' .. c .. ':' .. i end
        local function parts(m)
          local colon = string.find(m, ':', 1, true)
          local n = tonumber(string.sub(m, 1, colon - 1))
          return string.sub(m, colon + 1, colon + n), string.sub(m, colon + n + 2)
        end
        local function key(f, v) return #f .. ':' .. f .. v end
        local function pack(list) return cmsgpack.pack(list) end
        local function list(text) if not text or text == '' then return {} end return cmsgpack.unpack(text) end
        local function told(c, i)
          local f = redis.call('HMGET', P .. 'record:' .. name(c, i), 'revision', 'document', 'created', 'updated', 'gone')
          if not f[1] then return nil end
          return {i, f[1], f[2], f[3], f[4], f[5]}
        end
        local function wrote()
          local n = redis.call('HINCRBY', KEYS[1], 'writes', 1)
          redis.pcall('PUBLISH', P .. 'changed', n)
          return n
        end
        local function audited(entry)
          local n = redis.call('HINCRBY', KEYS[1], 'audit', 1)
          redis.call('ZADD', P .. 'audit', n, pack({string.format('%.0f', n), unpack(entry)}))
        end
        local function some(n)
          local found = {}
          for k = 1, n do found[k] = arg() end
          return found
        end

        """
}
