// What is wrong with a declaration of resources: for the author of the plugin to mend.
//
// Kind: value.

struct DeclarationFault: Error, Sendable, Equatable, CustomStringConvertible {
    /// `#/resources/0/columns/2`, in the plugin's own text.
    let place: String
    let sentence: String

    init(_ place: String, _ sentence: String) {
        self.place = place
        self.sentence = sentence
    }

    var description: String { "the declaration of the plugin's resources, \(place): \(sentence)" }
}
