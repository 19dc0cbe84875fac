// The admin interface on one loop: what answers below /admin.
//
// Kind: loop-confined.

final class AdminStation: LocalStation {
    let desk: AdminDesk
    let loop: EventLoop
    let gate: AdminGate
    let login: AdminLogin
    let service: ResourceService
    let duties: AdminDuties
    private var isEnabled: Bool
    private var hasOwnListeners: Bool
    private var openAPIIsOpen: Bool
    /// The configuration's file, for people who ask where a fixed record stands.
    private(set) var file: String
    private let users = AdminUsers()
    private let tokens = AdminTokens()
    /// Of the chain that was asked for last; a reload makes another.
    private var router: (generation: UInt64, value: AdminRouter)?

    init(_ desk: AdminDesk, _ loop: EventLoop, _ config: GatewayConfig) {
        self.desk = desk
        self.loop = loop
        gate = AdminGate(desk, loop, allow: config.admin.allow)
        login = AdminLogin(desk, loop, sessionMilliseconds: Int64(config.admin.sessionTime.milliseconds))
        service = ResourceService(desk, loop)
        duties = AdminDuties(desk, loop)
        isEnabled = config.admin.isEnabled
        hasOwnListeners = config.admin.listeners != nil
        openAPIIsOpen = config.admin.openAPIIsOpen
        file = config.file
    }

    /// `admin.listen` takes effect at the next start, so what there was at this one holds.
    func adopt(_ config: GatewayConfig) {
        gate.allow = config.admin.allow
        login.sessionMilliseconds = Int64(config.admin.sessionTime.milliseconds)
        isEnabled = config.admin.isEnabled
        openAPIIsOpen = config.admin.openAPIIsOpen
        file = config.file
        router = nil
    }

    func end() { router = nil }

    func answers(_ path: Bytes, at door: Door) -> Bool {
        guard AdminRouter.isBelowRoot(path) else { return false }
        return switch door {
        case .clients: isEnabled && !hasOwnListeners
        case .administration: isEnabled
        case .local: true
        }
    }

    func visit(_ runner: ExchangeRunner, at door: Door) -> any LocalVisit { AdminVisit(self, runner, door) }

    /// The routes of a chain, with the host's own.
    func router(of chain: ChainWorker) -> AdminRouter {
        if let router, router.generation == chain.generation.number { return router.value }
        let value = AdminStation.router(of: chain.generation, openAPIIsOpen: openAPIIsOpen)
        router = (chain.generation.number, value)
        return value
    }

    static func router(of generation: ChainGeneration, openAPIIsOpen: Bool) -> AdminRouter {
        AdminRouter(
            resources: AdminStation.resources(of: generation), hosts: Set(AdminDesk.declarations.map(\.name)),
            openAPIIsOpen: openAPIIsOpen)
    }

    /// What people can manage: the plugins' resources in the order of the chain, then the host's own.
    static func resources(of generation: ChainGeneration) -> [ResourceDeclaration] {
        generation.resources.values.sorted { ($0.entry, $0.declaration.name) < ($1.entry, $1.declaration.name) }
            .map(\.declaration) + AdminDesk.declarations
    }

    /// Whose a resource is, asked for the exchange of `runner`.
    func owned(_ name: String, _ runner: ExchangeRunner) -> AdminCall.Owned? {
        switch name {
        case AdminUsers.name: return .init(declaration: AdminUsers.declaration, owner: users, entry: nil, place: file)
        case AdminTokens.name: return .init(declaration: AdminTokens.declaration, owner: tokens, entry: nil, place: file)
        default: break
        }
        guard let entry = runner.chain.generation.resources[name]?.entry,
            let (declaration, owner) = runner.chain.resource(name, for: runner.exchange)
        else { return nil }
        let place = "chain.\(runner.chain.generation.instances[entry].name).config in \(file)"
        return .init(declaration: declaration, owner: owner, entry: entry, place: place)
    }
}
