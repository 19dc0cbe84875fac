// A system call that failed, and the one funnel through which system calls are made.
//
// Kind: value.

import CLinux

struct SystemError: Error, Equatable, CustomStringConvertible {
    /// The errno.
    let code: Int32
    /// The system call, as its manual page is called.
    let call: String
    /// What it was called on (an address, a path), when that helps to mend it.
    var subject: String?

    init(_ code: Int32, _ call: String, subject: String? = nil) {
        self.code = code
        self.call = call
        self.subject = subject
    }

    /// The same error with what it was about.
    func on(_ subject: String) -> SystemError { SystemError(code, call, subject: subject) }

    /// "bind 127.0.0.1:80: Permission denied (EACCES)".
    var description: String {
        let place = subject.map { "\(call) \($0)" } ?? call
        return "\(place): \(SystemError.text(of: code))"
    }

    /// The kernel's sentence and its name for `code`, as "Connection refused (ECONNREFUSED)".
    static func text(of code: Int32) -> String {
        let sentence = gwl_error_text(code).map { String(cString: $0) } ?? "unknown error"
        let name = gwl_error_name(code).map { String(cString: $0) } ?? "errno \(code)"
        return "\(sentence) (\(name))"
    }
}

/// Makes a system call that reports failure as -1: again after a signal, and any other errno thrown.
///
/// - Throws: `SystemError` for any errno but EINTR.
/// - Thread: any.
@inline(__always) @discardableResult
func systemCall<Result: SignedInteger>(
    _ call: @autoclosure () -> String, on subject: @autoclosure () -> String? = nil,
    _ body: () -> Result
) throws(SystemError) -> Result {
    while true {
        let result = body()
        if result != -1 { return result }
        let code = gwl_errno()
        if code != EINTR { throw SystemError(code, call(), subject: subject()) }
    }
}
