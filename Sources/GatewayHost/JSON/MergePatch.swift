// Changes to a JSON document written as the document they lead to (RFC 7396): a member that is there replaces,
// null removes, objects go deeper, everything else, lists too, is replaced whole.
//
// Kind: value. Recursion is as deep as the patch, which its reader has bounded.

extension JSONValue {
    /// This value as the patch changes it.
    /// - Source: RFC 7396 section 2.
    func patched(by patch: JSONValue) -> JSONValue {
        guard let members = patch.object else { return patch }
        return .object((object ?? JSONObject()).patched(by: members))
    }
}

extension JSONObject {
    func patched(by patch: JSONObject) -> JSONObject {
        var result = self
        for (name, change) in patch {
            // Spelt out, because a bare nil would be JSON's null here.
            result[name] = change.isNull ? Optional<JSONValue>.none : (self[name] ?? .null).patched(by: change)
        }
        return result
    }
}
