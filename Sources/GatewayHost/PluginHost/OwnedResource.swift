// A resource with the entry of the chain that declared it and decides about its records.
//
// Kind: value.

import PluginABI

struct OwnedResource: Sendable {
    let declaration: ResourceDeclaration
    /// Position in the chain.
    let entry: Int

    /// What all instances declare, by name.
    /// - Throws: `PluginFault` that names the entry whose declaration is wrong, or a name that two want.
    static func all(of instances: [PluginInstance]) throws(PluginFault) -> [String: OwnedResource] {
        var all: [String: OwnedResource] = [:]
        for (entry, instance) in instances.enumerated() {
            guard let admin = instance.plugin.admin else { continue }
            let declarations: [ResourceDeclaration]
            do {
                declarations = try ResourceDeclaration.read(String(cString: admin.pointee.declaration))
            } catch {
                throw PluginFault(instance.name, "\(instance.plugin.id): \(error)")
            }
            for declaration in declarations {
                if let other = all[declaration.name] {
                    throw PluginFault(
                        instance.name,
                        "it declares the resource \"\(declaration.name)\", and so does \(instances[other.entry].name); "
                            + "one of the two can be in a chain")
                }
                all[declaration.name] = OwnedResource(declaration: declaration, entry: entry)
            }
        }
        return all
    }
}
