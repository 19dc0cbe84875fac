// The TLS context of all upstream connections of a process, made when it is first needed.
//
// Reading the system's authorities takes longer than everything else at start together (some 130
// certificates, each parsed), and a gateway whose upstream is plain HTTP never needs them. So the
// control thread asks for the context once the gateway serves, and whoever needs it sooner makes it.
//
// Kind: shared; the context is behind one lock that is held while it is made.

final class TLSClientSource: Sendable {
    private let made: Locked<TLSClientContext?>
    private let caFile: String?

    /// - Parameter caFile: PEM file of the authorities to trust; nil for the system's.
    /// - Throws: `TLSError` naming the file. A named file is read now, so that a wrong name is found at
    ///   start.
    init(caFile: String? = nil) throws(TLSError) {
        self.caFile = caFile
        made = Locked(caFile == nil ? nil : try TLSClientContext(caFile: caFile))
    }

    /// A context that exists already.
    init(_ context: TLSClientContext) {
        caFile = nil
        made = Locked(context)
    }

    /// The context, made now if this is the first call.
    /// - Thread: any.
    func context() throws(TLSError) -> TLSClientContext {
        let result = made.withLock { made -> Result<TLSClientContext, TLSError> in
            if let made { return .success(made) }
            do throws(TLSError) {
                let context = try TLSClientContext(caFile: caFile)
                made = context
                return .success(context)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
