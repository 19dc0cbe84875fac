// The end of one segment, where rows are added.
//
// Space is reserved ahead of the end, so that a full disk is noticed while what is under way still finds room, and
// a write is all or nothing: after a failure the file is as long as it was.
//
// Kind: confined to the journal's thread (and to whoever opens it, before). Invariant: durable <= end.

import CLinux

final class SegmentWriter {
    /// How much is reserved at once, and the least that must be there for new requests to be taken: rows of
    /// 10,000 requests under way, three attempts each, are 6 MB.
    static let reserveBytes = 16 << 20
    static let leastReserve = 8 << 20

    let number: UInt64
    private let path: String
    private let file: Descriptor
    /// Behind the last whole frame.
    private(set) var end: Int
    /// What of it is on the disk.
    private(set) var durable: Int
    private var reserved: Int
    /// The file system cannot reserve (NFS, some overlays): then only a failing write tells of a full disk.
    private var canReserve = true

    /// Makes segment `number`, with its header.
    init(making number: UInt64, in folder: JournalFolder, now: Int64) throws(SystemError) {
        self.number = number
        path = folder.rows(number)
        let path = path
        file = Descriptor(try systemCall("open", on: path) { gwl_open(path, O_RDWR | O_CREAT | O_EXCL, 0o600) })
        end = 0
        durable = 0
        reserved = 0
        do throws(SystemError) {
            let header = SegmentHeader(number: number, created: now).bytes
            try header.withUnsafeBytes { raw in Result { () throws(SystemError) in try append(raw) } }.get()
            try sync()
            try folder.sync()
        } catch {
            unlink(path)
            throw error
        }
    }

    /// Goes on behind `end` of a segment that is there; what stands behind is cut off.
    init(continuing number: UInt64, in folder: JournalFolder, end: Int) throws(SystemError) {
        self.number = number
        path = folder.rows(number)
        let path = path
        file = Descriptor(try systemCall("open", on: path) { gwl_open(path, O_RDWR, 0) })
        self.end = end
        durable = end
        reserved = end
        try truncate(end)
        try sync()
    }

    /// Adds whole frames.
    /// - Throws: with nothing added.
    func append(_ frames: UnsafeRawBufferPointer) throws(SystemError) {
        var written = 0
        do throws(SystemError) {
            while written < frames.count {
                written += try systemCall("pwrite", on: path) {
                    pwrite(file.number, frames.baseAddress! + written, frames.count - written, off_t(end + written))
                }
            }
        } catch {
            // If even that fails, the next write goes to the same place, and a reader takes the rest for a torn end.
            if written > 0 { try? truncate(end) }
            throw error
        }
        end += written
    }

    /// Makes what was added durable.
    /// - Throws: then nobody knows what of it is on the disk, and this segment must not be used further.
    func sync() throws(SystemError) {
        try systemCall("fdatasync", on: path) { fdatasync(file.number) }
        durable = end
    }

    /// Sees to it that new rows find room.
    /// - Throws: when the disk is full; rows can still be added while what was reserved lasts.
    func reserve() throws(SystemError) {
        guard canReserve, reserved - end < Self.leastReserve else { return }
        do throws(SystemError) {
            let length = Int64(end + Self.reserveBytes - reserved)
            try systemCall("fallocate", on: path) { gwl_reserve(file.number, Int64(reserved), length) }
            reserved = end + Self.reserveBytes
        } catch {
            guard [EOPNOTSUPP, ENOSYS, EINVAL].contains(error.code) else { throw error }
            canReserve = false
        }
    }

    /// Gives back what was reserved.
    /// - Parameter length: what stands behind it is cut off; the end without it.
    func close(at length: Int? = nil) {
        // What fails here costs space until the next start, no rows.
        try? truncate(length ?? end)
    }

    private func truncate(_ length: Int) throws(SystemError) {
        try systemCall("ftruncate", on: path) { ftruncate(file.number, off_t(length)) }
    }

    /// The disk is full, or may not be written to, for now: trying again later makes sense.
    static func isShortage(_ error: SystemError) -> Bool { [ENOSPC, EDQUOT, EFBIG].contains(error.code) }
}
