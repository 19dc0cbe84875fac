// A request body that is too large for memory: an unlinked file, mapped when it is complete.
//
// The file has no name (O_TMPFILE), so nothing is left behind however the process ends. Mapping it
// makes the body one contiguous view like any other, which hooks may read and attempts may send
// again; its pages are the kernel's to drop.
//
// Kind: loop-confined value. Writes go to the page cache and may wait for the disk under pressure,
// which is why only bodies above the memory limit come here.
// Source: open(2) O_TMPFILE, mmap(2).

import CLinux

struct SpoolFile: ~Copyable {
    private let descriptor: Int32
    private(set) var count = 0
    private var mapping: UnsafeMutableRawPointer?

    /// - Throws: `SystemError` when the directory cannot hold the file.
    init(directory: String) throws(SystemError) {
        descriptor = gwl_open_unnamed(directory)
        guard descriptor >= 0 else { throw SystemError(gwl_errno(), "open", subject: "a spool file in \(directory)") }
    }

    deinit {
        if let mapping { munmap(mapping, count) }
        close(descriptor)
    }

    mutating func append(_ bytes: Bytes) throws(SystemError) {
        var written = 0
        while written < bytes.count {
            let result = write(descriptor, bytes.base! + written, bytes.count - written)
            if result < 0 {
                if gwl_errno() == EINTR { continue }
                throw SystemError(gwl_errno(), "write", subject: "a spooled body")
            }
            written += result
        }
        count += bytes.count
    }

    /// The whole content. Valid as long as this value.
    mutating func map() throws(SystemError) -> Bytes {
        guard count > 0 else { return Bytes("") }
        if mapping == nil {
            let address = mmap(nil, count, PROT_READ, MAP_PRIVATE, descriptor, 0)
            guard address != UnsafeMutableRawPointer(bitPattern: -1) else {
                throw SystemError(gwl_errno(), "mmap", subject: "a spooled body")
            }
            mapping = address
        }
        return Bytes(UnsafeRawBufferPointer(start: mapping, count: count))
    }
}
