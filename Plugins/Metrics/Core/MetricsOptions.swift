// The options of Metrics: their schema, and the bounds of its labels.
//
// Kind: pure; runs on the control thread.

import PluginKit

struct MetricsOptions {
    /// Model ids that get a label of their own; the rest are "other".
    let modelLimit: Int
    /// Names of keys that get a label of their own; nil: no such label at all.
    let principalLimit: Int?

    init(_ settings: Settings) throws(PluginError) {
        modelLimit = try settings["model_limit"].ifPresent?.integer(in: 0...1000) ?? 64
        let byKey = try settings["by_key"].ifPresent?.bool() ?? false
        principalLimit = byKey ? try settings["key_limit"].ifPresent?.integer(in: 1...10_000) ?? 200 : nil
    }

    static let schema = """
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "model_limit": {
              "description": "How many model ids get a label of their own; the rest are \\"other\\".",
              "type": "integer", "minimum": 0, "maximum": 1000, "default": 64
            },
            "by_key": {
              "description": "Also count requests and tokens by the name of the API key.",
              "type": "boolean", "default": false
            },
            "key_limit": {
              "description": "How many names of keys get a label of their own.",
              "type": "integer", "minimum": 1, "maximum": 10000, "default": 200
            }
          }
        }
        """
}
