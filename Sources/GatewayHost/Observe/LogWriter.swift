// The queue between threads that log and the one thread that writes.
//
// A loop must never wait for a disk or for the reader of a pipe, so it does not write: it appends its
// line to a buffer under a mutex that is held for one copy, and a thread of the log's own swaps the
// buffer out and writes it, many lines a call when there are many. A lock-free ring would save tens of
// nanoseconds of an act that already formats a line. The buffer is bounded; lines that find it
// full are dropped and counted, and the count is logged once there is room.
//
// Kind: shared. `lock` guards everything below it.
// A process that ends by a signal loses what the writer had not taken yet, usually under a
// millisecond of lines; `flush` before an orderly end loses nothing.

import CLinux

final class LogWriter: @unchecked Sendable {
    /// 4 MB: some 20,000 lines, more than a burst of trouble writes within a slow fsync.
    static let queueLimit = 4 << 20

    private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let arrived = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private let wrote = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

    private var lines: [UInt8] = []
    /// The warnings and errors of `lines` again, for the error file.
    private var problems: [UInt8] = []
    private var dropped = 0
    private var writing = false
    /// Files to go over to, from the next write on.
    private var next: (all: LogFile, problems: LogFile?)?
    private var hasErrorFile = false
    private var isJSON = true
    private var isRunning = false

    init() {
        pthread_mutex_init(lock, nil)
        pthread_cond_init(arrived, nil)
        pthread_cond_init(wrote, nil)
    }

    // A log lives as long as the process; only tests make more of them, and those stop them first.
    deinit {
        pthread_cond_destroy(arrived)
        pthread_cond_destroy(wrote)
        pthread_mutex_destroy(lock)
        arrived.deallocate()
        wrote.deallocate()
        lock.deallocate()
    }

    /// Starts the thread, or hands it new files. Lines queued before go to the new ones.
    func use(all: sending LogFile, problems: sending LogFile?, json: Bool) {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        next = (all, problems)
        hasErrorFile = problems != nil
        isJSON = json
        if !isRunning {
            isRunning = true
            BackgroundThread.start("log") { [self] in run() }
        }
        pthread_cond_signal(arrived)
    }

    /// Queues one line. Blocks for the time of a copy.
    /// - Thread: any.
    func append(_ line: [UInt8], isProblem: Bool) {
        pthread_mutex_lock(lock)
        if lines.count + line.count > LogWriter.queueLimit {
            dropped += 1
        } else {
            lines.append(contentsOf: line)
            if isProblem && hasErrorFile { problems.append(contentsOf: line) }
        }
        let idle = !writing
        pthread_mutex_unlock(lock)
        if idle { pthread_cond_signal(arrived) }
    }

    /// Waits until everything queued before this call is written, or two seconds have passed.
    func flush() {
        var deadline = timespec()
        clock_gettime(CLOCK_REALTIME, &deadline)
        deadline.tv_sec += 2
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        while isRunning, writing || !lines.isEmpty || dropped > 0 {
            if pthread_cond_timedwait(wrote, lock, &deadline) != 0 { return }
        }
    }

    /// Writes what is queued, then ends the thread.
    func stop() {
        pthread_mutex_lock(lock)
        defer { pthread_mutex_unlock(lock) }
        guard isRunning else { return }
        isRunning = false
        writing = true
        pthread_cond_signal(arrived)
        while writing { pthread_cond_wait(wrote, lock) }
    }

    /// The life of the writing thread.
    fileprivate func run() {
        var files: (all: LogFile, problems: LogFile?)?
        pthread_mutex_lock(lock)
        while true {
            while isRunning, lines.isEmpty, dropped == 0, next == nil { pthread_cond_wait(arrived, lock) }
            if !isRunning, lines.isEmpty, dropped == 0 { break }
            var batch = lines
            let problemBatch = problems
            if dropped > 0 {
                batch += LogWriter.notice("log lines dropped: the queue was full", dropped, json: isJSON)
            }
            lines = []
            problems = []
            dropped = 0
            if let replacement = next { files = replacement }
            next = nil
            writing = true
            let json = isJSON
            pthread_mutex_unlock(lock)

            if let all = files?.all, !batch.isEmpty {
                let lost = all.takeLostBytes()
                if lost > 0 { all.write(LogWriter.notice("log bytes lost: writing failed", lost, json: json)) }
                all.write(batch)
            }
            if !problemBatch.isEmpty { files?.problems?.write(problemBatch) }

            pthread_mutex_lock(lock)
            writing = false
            pthread_cond_broadcast(wrote)
        }
        writing = false
        pthread_cond_broadcast(wrote)
        pthread_mutex_unlock(lock)
    }

    private static func notice(_ message: StaticString, _ count: Int, json: Bool) -> [UInt8] {
        LogLine(
            json: json, wall: gwl_wall_ns(), level: .warning, message: Bytes(message),
            fields: [.field("count", count)]
        ).bytes
    }
}
