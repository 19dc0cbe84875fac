// How the last reload ended: written by the gateway into its data folder, read by `gateway reload`.
//
// Kind: value; the file is replaced as a whole, so a reader sees one outcome or the other.

import CLinux

struct ReloadOutcome: Sendable, Equatable {
    /// One more with each reload since the data folder was made; `gateway reload` waits for a larger one.
    var sequence: Int
    /// False: the file was refused and nothing has changed.
    var applied: Bool
    /// The generation that serves now.
    var generation: Int
    /// Nanoseconds since 1970.
    var wall: UInt64
    /// One sentence for people.
    var message: String
    /// Why it was refused, or what is worth saying though it was not.
    var remarks: [String]

    private static func path(_ folder: String) -> String { "\(folder)/reload.json" }

    /// Notes the end of a reload in `folder`.
    /// - Returns: why it could not be written, for the log.
    /// - Thread: control.
    static func record(
        in folder: String, applied: Bool, generation: Int, message: String, remarks: [String]
    ) -> FileBytes.Failure? {
        let outcome = ReloadOutcome(
            sequence: (read(from: folder)?.sequence ?? 0) + 1, applied: applied, generation: generation,
            wall: gwl_wall_ns(), message: message, remarks: remarks)
        return FileBytes.replace(path(folder), with: outcome.json.pretty, mode: 0o644)
    }

    /// The last outcome; nil if there was none, or the file is not one.
    static func read(from folder: String) -> ReloadOutcome? {
        guard case .success(let bytes) = FileBytes.read(path(folder), limit: 1 << 20),
            let value = try? JSONParser.parse(String(decoding: bytes, as: UTF8.self)),
            let sequence = value["sequence"]?.int, let applied = value["applied"]?.bool,
            let generation = value["generation"]?.int, let message = value["message"]?.string
        else { return nil }
        return ReloadOutcome(
            sequence: Int(sequence), applied: applied, generation: Int(generation),
            wall: UInt64(max(value["wall_ns"]?.int ?? 0, 0)), message: message,
            remarks: value["remarks"]?.array?.compactMap(\.string) ?? [])
    }

    private var json: JSONValue {
        [
            "sequence": .int(Int64(sequence)), "applied": .bool(applied), "generation": .int(Int64(generation)),
            "wall_ns": .int(Int64(clamping: wall)), "message": .string(message),
            "remarks": .array(remarks.map { .string($0) }),
        ]
    }
}
